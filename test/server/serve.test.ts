import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { get } from 'node:https';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AddressInfo } from 'node:net';
import { serve } from '../../src/server/serve.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { issueCertificate } from '../helpers/certificates.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { rawConnection } from '../helpers/raw.ts';
import { makeImage, seedImage } from '../helpers/registry-images.ts';
import { ask, locationOf, newServed } from '../helpers/served.ts';
import { newUpstream } from '../helpers/upstream.ts';

describe('a registry', () => {
  test('listens on a free port of this machine alone, in a folder that goes with it', async () => {
    const registry = await serve();
    expect(registry.url).toBe(`http://${registry.host}`);
    expect(registry.host).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(existsSync(join(registry.dir, 'registry.json'))).toBe(true);
    expect((await ask(registry.url, '/v2/')).status).toBe(200);
    await registry.close();
    expect(existsSync(registry.dir)).toBe(false);
  });

  test('goes with the block that uses it', async () => {
    let left = '';
    {
      await using registry = await serve();
      left = registry.url;
      expect((await ask(left, '/v2/')).status).toBe(200);
    }
    await expect(ask(left, '/v2/')).rejects.toThrow('ECONNREFUSED');
  });

  test('keeps a folder that it was given', async () => {
    const dir = folder();
    const first = await newServed({ dir });
    const digest = await first.pushBlob('a', 'hello');
    await first.registry.close();
    const second = await newServed({ dir });
    expect((await second.ask(`/v2/a/blobs/${digest}`)).body.toString()).toBe('hello');
  });

  test('speaks IPv6', async () => {
    const registry = await serve({ host: '::1' });
    onTestFinished(() => registry.close());
    expect(registry.host).toMatch(/^\[::1\]:\d+$/);
    expect((await ask(registry.url, '/v2/')).status).toBe(200);
  });

  test('speaks TLS', async () => {
    const { certificate, key } = issueCertificate({ name: 'registry', hosts: ['localhost', '127.0.0.1'] });
    const registry = await serve({ tls: { cert: certificate, key } });
    onTestFinished(() => registry.close());
    expect(registry.url).toBe(`https://${registry.host}`);
    const status = await new Promise((resolve, reject) => {
      get(`${registry.url}/v2/`, { ca: certificate, agent: false }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
  });

  test('refuses a certificate and a key that do not belong together, and what is neither', async () => {
    const { certificate } = issueCertificate({ name: 'one' });
    const { key } = issueCertificate({ name: 'two' });
    for (const tls of [
      { cert: certificate, key },
      { cert: 'no PEM', key },
    ]) {
      const dir = folder();
      const error = await hubErrorFrom(() => serve({ dir, tls }));
      expect([error.code, error.message]).toEqual([
        'CONFIG_INVALID',
        expect.stringContaining('the certificate and the key cannot be used'),
      ]);
      await (await serve({ dir })).close();
    }
  });

  test('fetches what it lacks', async () => {
    const upstream = await newUpstream();
    const image = makeImage({ layers: [10_000] });
    seedImage(upstream.registry.contents, 'team/app', image, '1');
    const served = await newServed({ upstream });
    const manifest = await served.ask('/v2/team/app/manifests/1');
    expect([manifest.status, manifest.body.equals(image.manifest.bytes)]).toEqual([200, true]);
    for (const { digest, bytes } of [image.config, ...image.layers]) {
      expect((await served.ask(`/v2/team/app/blobs/${digest}`)).body.equals(bytes)).toBe(true);
    }
  });
});

describe('an address', () => {
  test('that is taken cannot be had, and nothing is left behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const dir = folder();
    const error = await hubErrorFrom(() => serve({ dir, port }));
    expect([error.code, error.message]).toEqual([
      'UNREACHABLE',
      `cannot listen on 127.0.0.1:${port}: the port is in use`,
    ]);
    await (await serve({ dir })).close();
  });

  test('that is not of this machine cannot be had', async () => {
    const error = await hubErrorFrom(() => serve({ host: '192.0.2.1', insecureListen: true }));
    expect([error.code, error.message]).toEqual(['UNREACHABLE', 'cannot listen on 192.0.2.1:0: EADDRNOTAVAIL']);
  });

  test('that others reach is refused without TLS and accounts, unless it is asked for', async () => {
    const dir = join(folder(), 'new');
    const error = await hubErrorFrom(() => serve({ dir, host: '0.0.0.0' }));
    expect(error.code).toBe('REFUSED');
    expect(existsSync(dir)).toBe(false);
    const registry = await serve({ dir, host: '0.0.0.0', insecureListen: true });
    onTestFinished(() => registry.close());
    expect((await ask(`http://127.0.0.1:${registry.host.split(':')[1]}`, '/v2/')).status).toBe(200);
  });
});

describe('a folder', () => {
  test('is served once at a time', async () => {
    const { dir, registry } = await newServed();
    expect((await hubErrorFrom(() => serve({ dir }))).code).toBe('LOCKED');
    await registry.close();
    await (await serve({ dir })).close();
  });

  test('of something else is refused', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'photo.jpg'), '');
    expect((await hubErrorFrom(() => serve({ dir }))).code).toBe('STORAGE');
    expect(readdirSync(dir)).toEqual(['photo.jpg']);
  });

  test('loses uploads that were given up long ago, when it is served', async () => {
    const first = await newServed();
    const [old, young] = [
      locationOf(await first.ask('/v2/a/blobs/uploads/', { method: 'POST' })),
      locationOf(await first.ask('/v2/a/blobs/uploads/', { method: 'POST' })),
    ];
    await first.registry.close();
    const data = join(first.dir, 'uploads', `${old.split('/').at(-1)}.data`);
    utimesSync(data, 1_600_000_000, 1_600_000_000);
    const second = await newServed({ dir: first.dir });
    while (existsSync(data)) await new Promise((resolve) => setImmediate(resolve));
    expect((await second.ask(old)).status).toBe(404);
    expect((await second.ask(young)).status).toBe(204);
  });
});

describe('stopping', () => {
  const bytes = Buffer.alloc(200_000, 'stop');

  async function uploading(): Promise<{
    served: Awaited<ReturnType<typeof newServed>>;
    raw: Awaited<ReturnType<typeof rawConnection>>;
    location: string;
  }> {
    const served = await newServed();
    const location = locationOf(await served.ask('/v2/a/blobs/uploads/', { method: 'POST' }));
    const raw = await rawConnection(served.host);
    raw.write(`PUT ${location}?digest=${digestOf(bytes)} HTTP/1.1\r\nHost: x\r\n`);
    raw.write(`Content-Length: ${bytes.length}\r\nExpect: 100-continue\r\n\r\n`);
    await raw.received(/100 Continue/);
    raw.write(bytes.subarray(0, 100_000));
    return { served, raw, location };
  }

  test('lets an upload that runs finish', async () => {
    const { served, raw } = await uploading();
    const closing = served.registry.close();
    raw.write(bytes.subarray(100_000));
    expect(await raw.closed).toContain('HTTP/1.1 201 Created');
    await closing;
    const again = await newServed({ dir: served.dir });
    expect((await again.ask(`/v2/a/blobs/${digestOf(bytes)}`)).body.equals(bytes)).toBe(true);
  });

  test('does not wait for ever, and what an upload brought is kept', async () => {
    const { served, raw, location } = await uploading();
    await served.registry.close(100);
    expect(await raw.closed).not.toContain('201');
    const again = await newServed({ dir: served.dir });
    const status = await again.ask(location);
    expect([status.status, status.headers['range']]).toEqual([204, '0-99999']);
    const rest = await again.ask(`${location}?digest=${digestOf(bytes)}`, {
      method: 'PUT',
      headers: { 'content-range': `100000-${bytes.length - 1}` },
      body: bytes.subarray(100_000),
    });
    expect(rest.status).toBe(201);
  });

  test('takes no more connections, and frees the address', async () => {
    const { registry } = await newServed();
    const idle = await rawConnection(registry.host);
    idle.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.received(/\{\}$/);
    await registry.close();
    await idle.closed;
    await expect(ask(registry.url, '/v2/')).rejects.toThrow('ECONNREFUSED');
    const again = await serve({ port: Number(registry.host.split(':')[1]) });
    await again.close();
  });

  test('twice is stopping once', async () => {
    const { registry } = await newServed();
    await Promise.all([registry.close(), registry.close(), registry[Symbol.asyncDispose]()]);
  });
});
