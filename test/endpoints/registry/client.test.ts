import { describe, expect, test } from 'vitest';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/endpoints/registry/client.ts';
import type { HttpRequest, Send } from '../../../src/http/layer.ts';
import { collect } from '../../../src/util/content.ts';
import { answer, type FakeAnswer } from '../../helpers/web.ts';

interface Stage {
  readonly requests: HttpRequest[];
  readonly hosts: string[];
  readonly warnings: string[];
  readonly client: ReturnType<typeof createRegistryClient>;
}

/** A client whose requests are all answered in the same way. */
function stage(reply: FakeAnswer = {}, options: Partial<RegistryClientOptions> = {}): Stage {
  const requests: HttpRequest[] = [];
  const hosts: string[] = [];
  const warnings: string[] = [];
  const send: Send = async (request) => {
    requests.push(request);
    return answer(request.url, reply);
  };
  const originOf = async (host: string): Promise<URL> => {
    hosts.push(host);
    return new URL(`https://${host}`);
  };
  const onWarning = (message: string): void => void warnings.push(message);
  const client = createRegistryClient({ send, originOf, close: async () => undefined, onWarning, ...options });
  return { requests, hosts, warnings, client };
}

describe('a repository', () => {
  test('has its names and is asked for below its path', async () => {
    const { client, requests, hosts } = stage({ body: '{}' });
    const endpoint = client.repository('localhost:5000', 'team/app');
    expect(endpoint).toMatchObject({ name: 'localhost:5000/team/app', registry: 'localhost:5000' });
    expect(endpoint).toMatchObject({ repository: 'team/app', lane: 'localhost:5000' });
    expect(hosts).toEqual([]);
    const { body } = await endpoint.get('tags/list?n=1');
    expect((await collect(body, 10)).toString()).toBe('{}');
    expect(requests[0]?.url.href).toBe('https://localhost:5000/v2/team/app/tags/list?n=1');
    expect(requests[0]?.scopes).toEqual(['repository:team/app:pull']);
  });

  test('of Docker Hub has a short name and another host', async () => {
    const { client, requests, warnings } = stage();
    const endpoint = client.repository('docker.io', 'library/alpine');
    await endpoint.get('tags/list');
    expect([endpoint.name, endpoint.lane]).toEqual(['alpine', 'docker.io']);
    expect(requests[0]?.url.href).toBe('https://registry-1.docker.io/v2/library/alpine/tags/list');
    expect(warnings).toEqual([]);
  });

  test('below the host of Docker Hub is warned about once', () => {
    const { client, warnings } = stage();
    client.repository('registry-1.docker.io', 'alpine');
    client.repository('registry-1.docker.io', 'alpine');
    expect(warnings).toEqual(['registry-1.docker.io is not expanded as docker.io is; did you mean docker.io/alpine?']);
  });
});

describe('a registry', () => {
  test('has its name, its base, and two ways to send', async () => {
    const { client, requests } = stage();
    const registry = client.registry('docker.io');
    expect(registry.name).toBe('docker.io');
    expect((await registry.base()).href).toBe('https://registry-1.docker.io/');
    const url = new URL('https://registry-1.docker.io/v2/');
    await registry.send({ method: 'GET', url });
    await registry.sendAnonymous({ method: 'GET', url });
    expect(requests.map(({ anonymous }) => anonymous)).toEqual([undefined, true]);
  });
});

describe('what a registry has to say', () => {
  const told = { headers: { warning: ['299 - "the quota is used up"', '199 - "stale"'] } };

  test('is handed on once', async () => {
    const { client, warnings } = stage(told);
    await client.repository('reg.example', 'app').get('tags/list');
    await client.registry('reg.example').get('/v2/');
    await client.send({ method: 'GET', url: new URL('https://reg.example/v2/') });
    expect(warnings).toEqual(['reg.example says: the quota is used up']);
  });

  test('may be ignored', async () => {
    const { client } = stage(told, { onWarning: undefined });
    expect((await client.registry('reg.example').get('/v2/')).status).toBe(200);
  });
});

test('a host that cannot be reached fails when it is asked for, not before', async () => {
  const away = new TypeError('away');
  const { client } = stage({}, { originOf: () => Promise.reject(away) });
  await expect(client.repository('reg.example', 'app').get('tags/list')).rejects.toBe(away);
  await expect(client.registry('reg.example').base()).rejects.toBe(away);
});

test('closing closes what the requests are sent over', async () => {
  let closed = 0;
  const { client } = stage({}, { close: async () => void (closed += 1) });
  await client.close();
  expect(closed).toBe(1);
});

test('the wait between tries ends with the signal', async () => {
  // Every blob is missing, a session opens, and every upload fails: without the signal it would be waited for seconds.
  const abort = new AbortController();
  let puts = 0;
  const send: Send = async (request) => {
    if (request.method === 'HEAD') return answer(request.url, { status: 404 });
    if (request.method === 'POST')
      return answer(request.url, { status: 202, headers: { location: '/v2/app/blobs/uploads/1' } });
    puts += 1;
    setImmediate(() => abort.abort());
    return answer(request.url, { status: 503, headers: { 'retry-after': '200' } });
  };
  const { client } = stage({}, { send });
  const blob = { mediaType: 'text/plain', digest: `sha256:${'0'.repeat(64)}`, size: 5 };
  const writing = client.repository('reg.example', 'app').write(blob, () => expect.fail('opened'), {
    signal: abort.signal,
  });
  await expect(writing).rejects.toMatchObject({ code: 'ABORTED' });
  expect(puts).toBe(1);
});
