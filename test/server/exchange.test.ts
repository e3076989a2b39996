import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/spec/digest.ts';
import { newGate } from '../helpers/gates.ts';
import { rawConnection } from '../helpers/raw.ts';
import { codesOf, locationOf, newServed } from '../helpers/served.ts';

const accounts = { check: async (name: string, password: string) => name === 'tester' && password === 'secret' };
const LOGIN = `Basic ${Buffer.from('tester:secret').toString('base64')}`;

describe('who may ask', () => {
  test('pages of the web may not, whatever they ask for', async () => {
    const served = await newServed();
    for (const path of ['/v2/', '/v1/_ping', '/anything']) {
      const answer = await served.ask(path, { headers: { origin: 'https://evil.example' } });
      expect([answer.status, codesOf(answer)]).toEqual([403, ['DENIED']]);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('without a password every path is answered with the same challenge', async () => {
    const served = await newServed({ accounts });
    for (const path of ['/v2/', '/v2/a/tags/list', '/nothing', '/v2/../x', '/v1/search?q=a']) {
      const answer = await served.ask(path);
      expect([answer.status, codesOf(answer)]).toEqual([401, ['UNAUTHORIZED']]);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="hubctl registry", charset="UTF-8"');
    }
    expect((await served.ask('/v2/', { method: 'HEAD' })).body.length).toBe(0);
  });

  test('with the right password everything may be asked', async () => {
    const served = await newServed({ accounts });
    expect((await served.ask('/v2/', { headers: { authorization: LOGIN } })).status).toBe(200);
    expect((await served.ask('/v2/', { headers: { authorization: `${LOGIN}x` } })).status).toBe(401);
  });

  test('without a password nothing is stored', async () => {
    const served = await newServed({ accounts });
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('x')}`;
    expect((await served.ask(path, { method: 'POST', body: 'x' })).status).toBe(401);
    const headers = { authorization: LOGIN };
    expect((await served.ask(`/v2/a/blobs/${digestOf('x')}`, { headers })).status).toBe(404);
  });
});

describe('the log', () => {
  test('tells who asked for what, and how it ended', async () => {
    const served = await newServed({ accounts });
    const headers = { authorization: LOGIN, 'user-agent': 'a test/1' };
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`;
    await served.ask(path, { method: 'POST', headers, body: 'hello' });
    await served.ask('/v2/?password=x');
    expect(await served.logged(2)).toEqual([
      expect.objectContaining({
        remote: '127.0.0.1',
        user: 'tester',
        method: 'POST',
        target: path,
        status: 201,
        agent: 'a test/1',
        aborted: false,
      }),
      expect.objectContaining({ user: undefined, status: 401, agent: '-', target: '/v2/?password=x' }),
    ]);
    for (const { milliseconds } of served.log) expect(milliseconds).toBeGreaterThanOrEqual(0);
  });

  test('counts the bytes that came and went', async () => {
    const served = await newServed();
    const digest = await served.pushBlob('a', 'hello'.repeat(1000));
    await served.ask(`/v2/a/blobs/${digest}`);
    await served.ask(`/v2/a/blobs/${digest}`, { method: 'HEAD' });
    const [, put, get, head] = await served.logged(4);
    expect(put?.received).toBe(5000);
    expect([get?.sent, head?.sent]).toEqual([5000, 0]);
  });

  test('tells of a client that went away midway', async () => {
    const served = await newServed();
    const location = locationOf(await served.ask('/v2/a/blobs/uploads/', { method: 'POST' }));
    const { socket, write } = await rawConnection(served.host);
    write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf`);
    while ((await served.ask(location)).headers['range'] === undefined) continue;
    socket.end();
    socket.destroy();
    while (!served.log.some(({ method }) => method === 'PATCH')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(served.log.find(({ method }) => method === 'PATCH')).toMatchObject({ aborted: true });
    expect(served.warnings).toEqual([]);
  });
});

test.each([
  ['before it hears a refusal', `DELETE /v2/a/blobs/${digestOf('x')}`, 'Content-Length: 1000\r\n\r\nhalf'],
  ['after its whole body', `POST /v2/a/blobs/uploads/?digest=${digestOf('x')}`, 'Content-Length: 1\r\n\r\nx'],
])('a client that leaves %s is no failure of this machine', async (_, line, rest) => {
  const [asked, gate] = [newGate(), newGate()];
  const check = async (name: string): Promise<boolean> => {
    if (name !== 'slow') return true;
    asked.open();
    await gate.opened;
    return true;
  };
  const served = await newServed({ accounts: { check } });
  const raw = await rawConnection(served.host);
  const login = Buffer.from('slow:').toString('base64');
  raw.write(`${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${login}\r\n${rest}`);
  await asked.opened;
  raw.socket.destroy();
  // What is asked on another connection afterwards is answered afterwards.
  for (let turn = 0; turn < 3; turn += 1) await served.ask('/v2/', { headers: { authorization: LOGIN } });
  gate.open();
  await served.logged(4);
  expect(served.log.at(-1)).toMatchObject({ method: line.split(' ')[0], aborted: true });
  expect(served.warnings).toEqual([]);
});

describe('connections', () => {
  test('are kept for the next request', async () => {
    const served = await newServed();
    const raw = await rawConnection(served.host);
    raw.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await raw.received(/\{\}$/);
    raw.write('GET /v2/x/tags/list HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await raw.received(/NAME_UNKNOWN.*\}\]\}$/)).toMatch(/HTTP\/1\.1 200 OK[\s\S]*HTTP\/1\.1 404 Not Found/);
  });

  test('end after the answer to a large body that nobody reads', async () => {
    const served = await newServed({ readOnly: true });
    const raw = await rawConnection(served.host);
    raw.write('POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n');
    raw.write(Buffer.alloc(100_000));
    const answer = await raw.received(/UNSUPPORTED.*\}\]\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 405/);
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(await raw.closed).toBe(answer);
  });

  test('of clients that wait for a go-ahead get it', async () => {
    const served = await newServed();
    const raw = await rawConnection(served.host);
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`;
    raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    expect(await raw.received(/100 Continue\r\n\r\n/)).toMatch(/^HTTP\/1\.1 100 Continue/);
    raw.write('hello');
    expect(await raw.received(/201 Created/)).toContain('HTTP/1.1 201 Created');
  });
});

describe('every answer', () => {
  test('says that this is a registry, and is not to be taken for anything else', async () => {
    const served = await newServed();
    for (const path of ['/v2/', '/v2/A/tags/list', '/nothing']) {
      const { headers } = await served.ask(path);
      expect(headers['docker-distribution-api-version']).toBe('registry/2.0');
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('to a failure of this machine tells nothing of it, and the operator everything', async () => {
    const served = await newServed({
      accounts: { check: () => Promise.reject(new Error('cannot read /etc/secret')) },
    });
    const answer = await served.ask('/v2/', { headers: { authorization: LOGIN } });
    expect([answer.status, codesOf(answer)]).toEqual([500, ['UNKNOWN']]);
    expect(answer.body.toString()).not.toContain('/etc/secret');
    expect(served.warnings).toEqual(['GET /v2/: cannot read /etc/secret']);
  });

  test('to methods nobody knows is a refusal', async () => {
    const served = await newServed();
    for (const path of ['/v2/', '/v2/_catalog', '/v1/search', '/v1/_ping']) {
      const answer = await served.ask(path, { method: 'DELETE' });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
    }
  });
});
