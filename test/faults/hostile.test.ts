// What does a registry get that lies on purpose: about digests, sizes, kinds and ends?
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isMachineLocal } from '../../src/http/addresses.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { folder } from '../helpers/folder.ts';
import { startLocalServer, type Handler, type LocalServer, type Reply } from '../helpers/local-server.ts';
import { isLong } from '../helpers/random.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import type { Rule } from './rules.ts';
import { WaitingClock } from './waiting-clock.ts';

interface Place {
  readonly home: string;
  hubctl(...args: string[]): Promise<CliResult>;
  /** Digests in the store. */
  blobs(): readonly string[];
}

function newPlace(limits?: number): Place {
  const home = folder();
  const clock = new WaitingClock();
  const timeouts = limits === undefined ? {} : { headers: limits, body: limits, connect: limits };
  const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
  const blobs = join(home, 'store', 'blobs', 'sha256');
  return {
    home,
    hubctl: (...args) =>
      runCli(['--store', join(home, 'store'), '--progress', 'none', ...args], {
        home,
        env,
        network: { clock, timeouts },
      }),
    blobs: () => (existsSync(blobs) ? readdirSync(blobs) : []),
  };
}

async function server(handler: Handler): Promise<LocalServer> {
  const started = await startLocalServer(handler);
  onTestFinished(() => started.stop());
  return started;
}

async function proxyBefore(target: LocalServer, rules: readonly Rule[]): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target: target.host, rules, clock: new WaitingClock() });
  onTestFinished(() => proxy.stop());
  return proxy;
}

interface Piece {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const json = (document: object, mediaType: string): Piece => ({
  bytes: Buffer.from(JSON.stringify(document)),
  mediaType,
});
const described = ({ bytes, mediaType }: Piece): { mediaType: string; digest: string; size: number } => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});

const CONFIG = json(
  { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } },
  MEDIA_TYPES.ociConfig,
);
const LAYER: Piece = { bytes: Buffer.from('a layer'), mediaType: MEDIA_TYPES.ociLayerGzip };

function manifestOf(more: object = {}): Piece {
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: described(CONFIG),
    layers: [described(LAYER)],
  };
  return json({ ...document, ...more }, MEDIA_TYPES.ociManifest);
}

function indexOf(children: readonly object[]): Piece {
  return json({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: children }, MEDIA_TYPES.ociIndex);
}

/** A registry of exactly these pieces; `1` names the first. `lies` come before the truth. */
function registryOf(pieces: readonly Piece[], lies: Readonly<Record<string, Reply>> = {}): Handler {
  const known = new Map(pieces.map((piece) => [described(piece).digest, piece]));
  return ({ url, method }) => {
    const [, kind, name = ''] = /\/(manifests|blobs|referrers)\/([^/]+)$/.exec(url.pathname) ?? [];
    const lie = lies[`${kind}/${name}`] ?? lies[url.pathname];
    if (lie) return lie;
    const piece = name === '1' ? pieces[0] : known.get(name);
    if (!piece || kind === 'referrers') return { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}' };
    const { mediaType, digest } = described(piece);
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest };
    return { status: 200, headers, body: method === 'HEAD' ? '' : piece.bytes };
  };
}

async function pull(handler: Handler, ...args: string[]): Promise<CliResult & { registry: LocalServer; place: Place }> {
  const registry = await server(handler);
  const place = newPlace();
  const result = await place.hubctl('pull', ...args, `${registry.host}/app:1`);
  return { ...result, registry, place };
}

test('the registry of this file is a good one when it does not lie', async () => {
  const { status, stderr } = await pull(registryOf([manifestOf(), CONFIG, LAYER]));
  expect(status, stderr).toBe(0);
});

describe('content that is not what it is called', () => {
  const image = manifestOf();
  const child = { ...described(image), platform: { os: 'linux', architecture: 'amd64' } };
  const index = indexOf([child]);
  const altered = (piece: Piece): Reply => ({
    status: 200,
    headers: { 'content-type': piece.mediaType, 'docker-content-digest': described(piece).digest },
    body: Buffer.concat([piece.bytes, Buffer.from(' ')]),
  });
  const pieces = [index, image, CONFIG, LAYER];
  test.each([
    ['the index', 'manifests/1', index],
    ['a manifest of an index', `manifests/${described(image).digest}`, image],
    ['a config', `blobs/${described(CONFIG).digest}`, CONFIG],
    ['a layer', `blobs/${described(LAYER).digest}`, LAYER],
  ])('is refused: %s', async (_, path, piece) => {
    const { status, stderr, place } = await pull(registryOf(pieces, { [path]: altered(piece) }));
    expect(status, stderr).toBe(7);
    expect(place.blobs()).not.toContain(described(piece).digest.slice(7));
    expect((await place.hubctl('images', '-q')).stdout).toBe('');
  });

  test('is refused: what refers to an image', async () => {
    const signature = manifestOf({ subject: described(image), artifactType: 'application/vnd.example.signature' });
    const list = indexOf([described(signature)]);
    const lies = {
      [`referrers/${described(image).digest}`]: {
        status: 200,
        headers: { 'content-type': list.mediaType },
        body: list.bytes,
      },
      [`manifests/${described(signature).digest}`]: altered(signature),
    };
    const registry = await server(registryOf([image, signature, CONFIG, LAYER], lies));
    const { status } = await newPlace().hubctl('copy', '--referrers', `${registry.host}/app:1`, 'oci:out:1');
    expect(status).toBe(7);
  });
});

describe('a document of two kinds', () => {
  const both = { config: described(CONFIG), layers: [described(LAYER)], manifests: [described(manifestOf())] };
  test.each([
    ['manifest with manifests', MEDIA_TYPES.ociManifest, { ...both }],
    ['index with layers', MEDIA_TYPES.ociIndex, { ...both }],
    ['index with a config', MEDIA_TYPES.ociIndex, { manifests: both.manifests, config: both.config }],
    [
      'manifest that says it is an index',
      MEDIA_TYPES.ociManifest,
      { config: both.config, layers: [], mediaType: MEDIA_TYPES.ociIndex },
    ],
    [
      'index that says it is a manifest',
      MEDIA_TYPES.ociIndex,
      { manifests: both.manifests, mediaType: MEDIA_TYPES.ociManifest },
    ],
    ['docker manifest with manifests', MEDIA_TYPES.dockerManifest, { ...both }],
  ])('is refused: %s', async (_, mediaType, document) => {
    const { status, registry } = await pull(
      registryOf([json({ schemaVersion: 2, ...document }, mediaType), CONFIG, LAYER]),
    );
    expect(status).toBe(7);
    expect(registry.requests({ path: '/blobs/' })).toEqual([]);
  });
});

describe('a digest that is none', () => {
  const hex = 'a'.repeat(64);
  test.each([
    ['sha256:../../../../etc/passwd', 7],
    [`sha256:${hex.slice(1)}`, 7],
    [`sha256:${hex}a`, 7],
    [`sha256:${hex.toUpperCase()}`, 7],
    [`SHA256:${hex}`, 7],
    [`sha256:${hex.slice(2)}/.`, 7],
    [`sha256:${hex.slice(3)}%2f`, 7],
    [`sha256 :${hex}`, 7],
    [`sha256:${hex}\n`, 7],
    [`sha256:`, 7],
    [':', 7],
    ['', 7],
    [hex, 7],
    [7, 7],
    [`md5:${hex.slice(32)}`, 8],
    [`sha1:${hex.slice(24)}`, 8],
    [`sha256+b64:${hex}`, 8],
  ])('costs no request and no file: %j', async (digest, exit) => {
    const layers = [{ ...described(LAYER), digest }];
    const { status, registry, place, stderr } = await pull(registryOf([manifestOf({ layers }), CONFIG, LAYER]));
    expect(status, stderr).toBe(exit);
    expect(
      registry
        .requests({ path: String(digest) || '/blobs/' })
        .filter(({ path }) => !path.includes(described(CONFIG).digest)),
    ).toEqual([]);
    expect(readdirSync(place.home).filter((name) => name !== 'store')).toEqual([]);
    expect(place.blobs()).toEqual([]);
  });
});

describe('a size that cannot be', () => {
  test.each([-1, 1.5, 2 ** 53, 1e300, '7', null, undefined, true, {}])(
    'is refused before anything is asked for: %j',
    async (size) => {
      const layers = [{ ...described(LAYER), size }];
      const { status, registry } = await pull(registryOf([manifestOf({ layers }), CONFIG, LAYER]));
      expect(status).toBe(7);
      expect(registry.requests({ path: '/blobs/' })).toEqual([]);
    },
  );

  test.each([
    [0, 7],
    [1, 7],
    [8, 7],
  ])('and one that is wrong ends the download: %i', async (size, exit) => {
    const { status } = await pull(registryOf([manifestOf({ layers: [{ ...described(LAYER), size }] }), CONFIG, LAYER]));
    expect(status).toBe(exit);
  });

  test('and one that no disk has is no reason to take memory', async () => {
    const before = process.memoryUsage.rss();
    const layers = [{ ...described(LAYER), size: 2 ** 52 }];
    const { status } = await pull(registryOf([manifestOf({ layers }), CONFIG, LAYER]));
    expect([7, 9]).toContain(status);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
  });
});

describe('an answer without end', () => {
  const pieces = [manifestOf(), CONFIG, LAYER];
  const MIB = 1024 * 1024;

  test.each([
    ['a manifest', /\/manifests\//, 7, 8 * MIB],
    ['a layer', new RegExp(described(LAYER).digest), 7, 4 * MIB],
    ['a config', new RegExp(described(CONFIG).digest), 7, 4 * MIB],
  ])('is left: %s', async (_, path, exit, most) => {
    const proxy = await proxyBefore(await server(registryOf(pieces)), [
      { method: 'GET', path, do: { zeros: Infinity } },
    ]);
    const { status, stderr } = await newPlace().hubctl('pull', `${proxy.host}/app:1`);
    expect(status, stderr).toBe(exit);
    // What lies in the buffers of two sockets is sent but not read.
    for (const { answerBytes } of proxy.requests('GET', path)) expect(answerBytes).toBeLessThan(most + 8 * MIB);
  });

  test('is left: the text of an error', async () => {
    const rules = [{ path: /\/manifests\//, do: { zeros: Infinity, answerStatus: 403 } }];
    const proxy = await proxyBefore(await server(registryOf(pieces)), rules);
    const { status } = await newPlace().hubctl('pull', `${proxy.host}/app:1`);
    expect(status).toBe(4);
  });

  test('is left: a page of tags', async () => {
    const rules = [{ path: /\/tags\/list/, do: { zeros: Infinity } }];
    const proxy = await proxyBefore(await server(() => ({ status: 200, body: '{}' })), rules);
    const { status } = await newPlace().hubctl('tags', `${proxy.host}/app`);
    expect(status).toBe(7);
  });

  test('is left: a token', async () => {
    const handler: Handler = ({ url, headers }) => {
      if (url.pathname === '/token') return { status: 200, body: `{"token":"${'x'.repeat(65 * 1024)}"}` };
      const realm = `http://${headers.host}/token`;
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` } };
    };
    const registry = await server(handler);
    const { status, stderr } = await newPlace().hubctl('pull', `${registry.host}/app:1`);
    expect(status, stderr).toBe(6);
    expect(registry.requests({ path: '/token' })).toHaveLength(1);
  });

  /** A server that says `text` again and again to everybody. */
  async function babbler(head: string, text: string): Promise<string> {
    const sockets = new Set<Socket>();
    const raw = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.once('data', (hello) => {
        if (hello[0] === 0x16) return void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        socket.write(head);
        const more = (): void => {
          for (let count = 0; count < 64 && !socket.destroyed; count += 1) if (!socket.write(text)) break;
          if (!socket.destroyed) setTimeout(more, 1);
        };
        more();
      });
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      raw.close();
    });
    return `127.0.0.1:${(raw.address() as AddressInfo).port}`;
  }

  test.each([
    ['headers', 'HTTP/1.1 200 OK\r\n', `x-more: ${'y'.repeat(1000)}\r\n`],
    ['a header', 'HTTP/1.1 200 OK\r\nx-more: ', 'y'.repeat(1000)],
    ['informational answers', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    [
      'trailers',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n',
      `x-more: ${'y'.repeat(1000)}\r\n`,
    ],
  ])('is left: %s', async (_, head, text) => {
    const host = await babbler(head, text);
    const { status, stderr } = await newPlace(2000).hubctl('pull', `${host}/app:1`);
    expect([6, 7], stderr).toContain(status);
  });
});

describe('pages that never end', () => {
  test('are left when a page names itself as the next', async () => {
    const registry = await server(({ url }) => ({
      status: 200,
      headers: { link: `<${url.pathname}${url.search}>; rel="next"` },
      body: '{"tags":["a"]}',
    }));
    const { status, stderr } = await newPlace().hubctl('tags', `${registry.host}/app`);
    expect({ status, requests: registry.log.length }, stderr).toEqual({ status: 7, requests: 1 });
  });

  test.skipIf(!isLong)('are left after 10,000 of them', async () => {
    let page = 0;
    const registry = await server(() => {
      page += 1;
      return {
        status: 200,
        headers: { link: `</v2/app/tags/list?last=${page}>; rel="next"` },
        body: `{"tags":["${page}"]}`,
      };
    });
    const { status } = await newPlace().hubctl('tags', `${registry.host}/app`);
    expect({ status, requests: registry.log.length }).toEqual({ status: 7, requests: 10_000 });
  });
});

describe('redirects that never end', () => {
  test('are left after ten, when each leads to a new place', async () => {
    let count = 0;
    const registry = await server(() => {
      count += 1;
      return { status: 307, headers: { location: `/v2/app/manifests/${count}` } };
    });
    const { status } = await newPlace().hubctl('pull', `${registry.host}/app:x`);
    expect(status).toBe(6);
    expect(registry.log.length).toBeLessThanOrEqual(11);
  });
});

describe('a graph without end', () => {
  const image = manifestOf();

  test.each([9, 100, 1000])('is left: an index of %i levels', async (depth) => {
    const pieces: Piece[] = [image];
    for (let level = 0; level < depth; level += 1) pieces.unshift(indexOf([described(pieces[0]!)]));
    const registry = await server(registryOf([...pieces, CONFIG, LAYER]));
    const { status, stderr } = await newPlace().hubctl('pull', '--all-platforms', `${registry.host}/app:1`);
    expect(status, stderr).toBe(7);
    expect(registry.log.length).toBeLessThanOrEqual(10);
  });

  test('is walked once: an index that names one image ten thousand times', async () => {
    const index = indexOf(Array.from({ length: 10_000 }, () => described(image)));
    const registry = await server(registryOf([index, image, CONFIG, LAYER]));
    const { status, stderr } = await newPlace().hubctl('pull', '--all-platforms', `${registry.host}/app:1`);
    expect(status, stderr).toBe(0);
    expect(registry.log.length).toBeLessThanOrEqual(5);
  });

  test('is left: an index of more entries than fit into 4 MiB', async () => {
    const index = indexOf(Array.from({ length: 40_000 }, () => described(image)));
    const { status } = await pull(registryOf([index, image, CONFIG, LAYER]));
    expect(status).toBe(7);
  });

  test('is walked once: two images that are said to refer to each other', async () => {
    const first = manifestOf({ annotations: { name: 'first' } });
    const second = manifestOf({ annotations: { name: 'second' } });
    const list = (piece: Piece): Reply => ({
      status: 200,
      headers: { 'content-type': MEDIA_TYPES.ociIndex },
      body: indexOf([described(piece)]).bytes,
    });
    const lies = {
      [`referrers/${described(first).digest}`]: list(second),
      [`referrers/${described(second).digest}`]: list(first),
    };
    const registry = await server(registryOf([first, second, CONFIG, LAYER], lies));
    const { status, stderr } = await newPlace().hubctl('copy', '--referrers', `${registry.host}/app:1`, 'oci:out:1');
    expect(status, stderr).toBe(0);
    expect(registry.requests({ path: '/referrers/' }).length).toBeLessThanOrEqual(2);
  });

  test('is left: five thousand referrers of one image', async () => {
    const referrers = Array.from({ length: 5000 }, (_, index) => manifestOf({ annotations: { index: String(index) } }));
    const body = indexOf(referrers.map((piece) => described(piece))).bytes;
    const lies = {
      [`referrers/${described(image).digest}`]: {
        status: 200,
        headers: { 'content-type': MEDIA_TYPES.ociIndex },
        body,
      },
    };
    const registry = await server(registryOf([image, ...referrers.slice(0, 10), CONFIG, LAYER], lies));
    await newPlace().hubctl('copy', '--referrers', `${registry.host}/app:1`, 'oci:out:1');
    expect(registry.log.length).toBeLessThan(1100);
  });
});

describe('an address of this machine', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
    '[::ffff:169.254.169.254]',
    '[fe80::1]',
    'localhost.',
    'LOCALHOST',
    'a.localhost',
  ])('is known however it is spelled: %s', (spelling) => {
    expect(isMachineLocal(new URL(`http://${spelling}/`).hostname)).toBe(true);
  });
});
