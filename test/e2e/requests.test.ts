// How often is a registry asked? Exact counts, against the registry in memory and against the one that everybody runs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { base64 } from '../helpers/credentials.ts';
import { folder } from '../helpers/folder.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import type { LogEntry } from '../helpers/local-server.ts';
import { hasRealRegistry, startRealRegistry } from '../helpers/real-registry.ts';
import { startRegistry } from '../helpers/registry.ts';
import { imageOf, indexOf, newStore, put, type Blob } from '../helpers/stores.ts';
import { startTokenServer } from '../helpers/token-server.ts';
import { CA_FILE, serve } from '../helpers/web.ts';

const image = imageOf({ layers: ['one', 'two', 'three'] });
const { digest } = image.manifest.descriptor;

interface Counted {
  readonly host: string;
  readonly log: readonly LogEntry[];
}

interface Desk extends Counted {
  readonly home: string;
  /** Runs one command; gives the requests it made as `HEAD manifest`, in order. */
  asked(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<readonly string[]>;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliResult>;
  /** Gives an image of the store a name at the registry. */
  keep(name: string, blobs?: readonly Blob[]): Promise<string>;
}

async function inMemory(auth: 'none' | 'bearer' = 'none'): Promise<Counted> {
  const registry = await startRegistry({ auth, accounts: { alice: 'secret', bob: 'secret' } });
  onTestFinished(() => registry.stop());
  return registry;
}

/** Behind a server that hands every request on and keeps a log. */
async function real(): Promise<Counted> {
  const registry = await startRealRegistry({ deleteEnabled: true });
  if (!registry) throw new Error('it was there a moment ago');
  onTestFinished(() => registry.stop());
  const front = await startTokenServer({ accounts: {} });
  onTestFinished(() => front.stop());
  front.standBefore(registry.host);
  return front;
}

async function deskAt(counted: Counted): Promise<Desk> {
  const home = folder();
  const store = join(home, 'store');
  const run: Desk['run'] = (args, env = {}) =>
    runCli(['--store', store, ...args], {
      home,
      env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}`, ...env },
    });
  return {
    home,
    host: counted.host,
    log: counted.log,
    run,
    asked: async (args, env) => {
      const before = counted.log.length;
      const { status, stderr } = await run(args, env);
      expect(status, stderr).toBe(0);
      return counted.log.slice(before).map(kindOf);
    },
    keep: async (name, blobs = image.blobs) => {
      await put(await newStore(store), blobs, `${counted.host}/${name}`);
      return `${counted.host}/${name}`;
    },
  };
}

function kindOf({ method, path }: LogEntry): string {
  const { pathname, searchParams } = new URL(path, 'http://localhost');
  if (pathname === '/token') return 'token';
  const [, repository, kind] = /^\/v2\/(.+?)\/(manifests|blobs)\//.exec(pathname) ?? [];
  if (searchParams.has('mount')) return searchParams.get('from') === repository ? 'mount self' : 'mount other';
  return `${method} ${kind ?? pathname}`;
}

/** How often each kind was asked. */
function counts(kinds: readonly string[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const kind of kinds) found[kind] = (found[kind] ?? 0) + 1;
  return found;
}

const registries: [string, () => Promise<Counted>][] = [['the registry in memory', () => inMemory()]];
if (await hasRealRegistry()) registries.push(["Debian's registry", real]);

describe.each(registries)('%s', (_name, start) => {
  const blobs = image.layers.length + 1;

  test('is asked twice for each blob of a new image, and twice besides', async () => {
    const desk = await deskAt(await start());
    const asked = await desk.asked(['push', await desk.keep('app:1')]);
    expect([asked[0], asked.at(-1)]).toEqual(['HEAD manifests', 'PUT manifests']);
    expect(counts(asked)).toEqual({ 'HEAD manifests': 1, 'mount self': blobs, 'PUT blobs': blobs, 'PUT manifests': 1 });
  });

  test('is asked once when the tag is what was pushed', async () => {
    const desk = await deskAt(await start());
    const name = await desk.keep('app:1');
    await desk.run(['push', name]);
    expect(await desk.asked(['push', name])).toEqual(['HEAD manifests']);
  });

  test('is asked once for the same tag also by somebody who remembers nothing', async () => {
    const counted = await start();
    const [first, second] = [await deskAt(counted), await deskAt(counted)];
    await first.run(['push', await first.keep('app:1')]);
    expect(await second.asked(['push', await second.keep('app:1')])).toEqual(['HEAD manifests']);
  });

  test('is asked once for another tag of what was pushed', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    expect(await desk.asked(['push', await desk.keep('app:2')])).toEqual(['PUT manifests']);
    expect((await desk.run(['digest', `${desk.host}/app:2`])).stdout).toBe(`${digest}\n`);
    expect(await desk.asked(['push', await desk.keep('app:2')])).toEqual(['HEAD manifests']);
  });

  test('is asked twice when a tag has moved to another image since', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    const other = imageOf({ layers: ['another'] });
    const somebody = await deskAt(desk);
    await somebody.run(['push', await somebody.keep('app:1', other.blobs)]);
    expect(await desk.asked(['push', await desk.keep('app:1')])).toEqual(['HEAD manifests', 'PUT manifests']);
    expect((await desk.run(['digest', `${desk.host}/app:1`])).stdout).toBe(`${digest}\n`);
  });

  test('is asked three times for another tag by somebody who has pushed other things there', async () => {
    const counted = await start();
    const [first, second] = [await deskAt(counted), await deskAt(counted)];
    await first.run(['push', await first.keep('app:1')]);
    await second.run(['push', await second.keep('mine:1', imageOf({ layers: ['mine'] }).blobs)]);
    const asked = await second.asked(['push', await second.keep('app:2')]);
    expect(asked).toEqual(['HEAD manifests', 'mount self', 'PUT manifests']);
  });

  test('is asked four times for another tag by somebody who remembers nothing', async () => {
    const counted = await start();
    const [first, second] = [await deskAt(counted), await deskAt(counted)];
    await first.run(['push', await first.keep('app:1')]);
    const asked = await second.asked(['push', await second.keep('app:2')]);
    expect(asked).toEqual(['HEAD manifests', 'mount self', 'HEAD manifests', 'PUT manifests']);
  });

  test('is asked once for each blob that another repository lends', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('team/app:1')]);
    const asked = await desk.asked(['push', await desk.keep('team/other:1')]);
    expect([asked[0], asked.at(-1)]).toEqual(['HEAD manifests', 'PUT manifests']);
    expect(counts(asked)).toEqual({ 'HEAD manifests': 1, 'mount other': blobs, 'PUT manifests': 1 });
  });

  test('is asked once for each blob of a copy within it, and three times besides', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    const asked = await desk.asked(['copy', `${desk.host}/app:1`, `${desk.host}/mirror/app:1`]);
    expect(asked.slice(0, 2).toSorted()).toEqual(['GET manifests', 'HEAD manifests']);
    expect(asked.at(-1)).toBe('PUT manifests');
    expect(counts(asked)).toEqual({
      'GET manifests': 1,
      'HEAD manifests': 1,
      'mount other': blobs,
      'PUT manifests': 1,
    });
  });

  test('is asked three times for another tag of what it has, two of them at once', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    const asked = await desk.asked(['copy', `${desk.host}/app:1`, `${desk.host}/app:2`]);
    expect(asked.slice(0, 2).toSorted()).toEqual(['GET manifests', 'HEAD manifests']);
    expect(asked.slice(2)).toEqual(['PUT manifests']);
    expect((await desk.run(['digest', `${desk.host}/app:2`])).stdout).toBe(`${digest}\n`);
    const again = await desk.asked(['copy', `${desk.host}/app:1`, `${desk.host}/app:2`]);
    expect(again.toSorted()).toEqual(['GET manifests', 'HEAD manifests']);
  });

  test('is asked for nothing else for another tag of an index', async () => {
    const desk = await deskAt(await start());
    const { index, images } = indexOf();
    await desk.run(['push', await desk.keep('app:1', [...images.flatMap((one) => one.blobs), index])]);
    const asked = await desk.asked(['copy', `${desk.host}/app:1`, `${desk.host}/app:2`]);
    expect(counts(asked)).toEqual({ 'HEAD manifests': 1, 'GET manifests': 1 + images.length, 'PUT manifests': 1 });
  });

  test('is asked only twice for a copy that is there', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    const copy = ['copy', `${desk.host}/app:1`, `${desk.host}/mirror/app:1`];
    await desk.run(copy);
    expect((await desk.asked(copy)).toSorted()).toEqual(['GET manifests', 'HEAD manifests']);
  });

  test('is asked only for what is new in a new version', async () => {
    const desk = await deskAt(await start());
    await desk.run(['push', await desk.keep('app:1')]);
    const next = imageOf({ layers: ['one', 'two', 'another'] });
    const asked = await desk.asked(['push', await desk.keep('app:2', next.blobs)]);
    expect(counts(asked)).toEqual({ 'HEAD manifests': 1, 'mount self': blobs, 'PUT blobs': 2, 'PUT manifests': 1 });
  });

  test('is asked for a new index once for each manifest, besides its blobs', async () => {
    const desk = await deskAt(await start());
    const { index, images } = indexOf();
    const all = [...images.flatMap((one) => one.blobs), index];
    const distinct = new Set(
      images.flatMap(({ config, layers }) => [config, ...layers]).map((b) => b.descriptor.digest),
    );
    const asked = counts(await desk.asked(['push', await desk.keep('app:1', all)]));
    expect(asked).toEqual({
      'HEAD manifests': 1 + images.length,
      'mount self': distinct.size,
      'PUT blobs': distinct.size,
      'PUT manifests': 1 + images.length,
    });
  });
});

describe('a private registry', () => {
  const as = (name: string, host: string): Record<string, string> => ({
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [host]: { auth: base64(`${name}:secret`) } } }),
  });

  async function withImage(): Promise<Desk> {
    const desk = await deskAt(await inMemory('bearer'));
    const { status, stderr } = await desk.run(['push', await desk.keep('app:1')], as('alice', desk.host));
    expect(status, stderr).toBe(0);
    return desk;
  }

  test('is asked for a token by the first command alone', async () => {
    const desk = await deskAt(await inMemory('bearer'));
    const name = await desk.keep('app:1');
    const first = await desk.asked(['push', name], as('alice', desk.host));
    expect(first.slice(0, 3)).toEqual(['HEAD manifests', 'token', 'HEAD manifests']);
    expect(counts(first)['token']).toBe(1);
    expect(await desk.asked(['push', name], as('alice', desk.host))).toEqual(['HEAD manifests']);
    expect(await desk.asked(['digest', name], as('alice', desk.host))).toEqual(['HEAD manifests']);
  });

  test('is connected to once by a command that has a token', async () => {
    const registry = await startRegistry({ auth: 'bearer', accounts: { alice: 'secret' } });
    onTestFinished(() => registry.stop());
    const desk = await deskAt(registry);
    await desk.run(['push', await desk.keep('app:1')], as('alice', desk.host));
    const before = registry.connections;
    expect(await desk.asked(['digest', `${desk.host}/app:1`], as('alice', desk.host))).toEqual(['HEAD manifests']);
    expect(registry.connections).toBe(before + 1);
    expect(await desk.asked(['push', await desk.keep('app:2')], as('alice', desk.host))).toEqual(['PUT manifests']);
    expect(registry.connections).toBe(before + 2);
  });

  test('is spoken to with TLS once that is what it speaks, and what was kept for it is forgotten', async () => {
    const registry = await startRegistry({ auth: 'bearer', accounts: { alice: 'secret' } });
    const host = registry.host.replace('127.0.0.1', 'localhost');
    const desk = await deskAt({ host, log: registry.log });
    await desk.run(['push', await desk.keep('app:1')], as('alice', host));
    await registry.stop();
    const heard: unknown[] = [];
    const { mediaType, size } = image.manifest.descriptor;
    const headers = { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': size };
    const listener: Parameters<typeof serve>[0] = (request, response) => {
      heard.push(request.headers.authorization);
      response.writeHead(200, headers).end();
    };
    await serve(listener, { tls: 'server', port: Number(new URL(registry.origin).port) });
    const digestOf = ['digest', '--tls-ca', CA_FILE, `${host}/app:1`];
    expect(await desk.run(digestOf, as('alice', host))).toMatchObject({ status: 0, stdout: `${digest}\n` });
    expect(heard).toEqual([undefined]);
    const cache = join(desk.home, '.cache', 'hubctl');
    expect(readFileSync(join(cache, 'tokens.json'), 'utf8')).not.toContain(`http://${host}`);
    expect(readFileSync(join(cache, 'registries.json'), 'utf8')).not.toContain(`http://${host}`);
  });

  test('gives another account a token of its own', async () => {
    const desk = await withImage();
    expect(await desk.asked(['digest', `${desk.host}/app:1`], as('bob', desk.host))).toEqual([
      'token',
      'HEAD manifests',
    ]);
  });

  test('refuses somebody without an account, whatever others have left', async () => {
    const desk = await withImage();
    expect((await desk.run(['digest', `${desk.host}/app:1`])).status).toBe(4);
  });

  test('is asked for one token when the one that was kept is no longer taken', async () => {
    const registry = await startRegistry({ auth: 'bearer', accounts: { alice: 'secret' } });
    onTestFinished(() => registry.stop());
    const desk = await deskAt(registry);
    const name = await desk.keep('app:1');
    await desk.run(['push', name], as('alice', desk.host));
    registry.tokens?.revoke();
    expect(await desk.asked(['push', name], as('alice', desk.host))).toEqual([
      'HEAD manifests',
      'token',
      'HEAD manifests',
    ]);
    expect(await desk.asked(['push', name], as('alice', desk.host))).toEqual(['HEAD manifests']);
  });

  test('is asked for a token again once it has expired', async () => {
    const desk = await withImage();
    const file = join(desk.home, '.cache', 'hubctl', 'tokens.json');
    const old = readFileSync(file, 'utf8').replaceAll(/"expires":\d+/g, `"expires":${Date.now()}`);
    writeFileSync(file, old);
    expect(await desk.asked(['digest', `${desk.host}/app:1`], as('alice', desk.host))).toEqual([
      'token',
      'HEAD manifests',
    ]);
  });

  test.each([
    ['with --no-token-cache', ['--no-token-cache'], {}],
    ['with HUBCTL_TOKEN_CACHE=0', [], { HUBCTL_TOKEN_CACHE: '0' }],
  ])('is asked for a token by every command %s', async (_, flags, env) => {
    const desk = await withImage();
    const digestOf = ['digest', ...flags, `${desk.host}/app:1`];
    expect(counts(await desk.asked(digestOf, { ...as('alice', desk.host), ...env }))['token']).toBe(1);
    expect(counts(await desk.asked(digestOf, { ...as('alice', desk.host), ...env }))['token']).toBe(1);
  });

  test.each([['logout'], ['logout', '--all']])('is asked for a token after %s', async (...argv) => {
    const desk = await withImage();
    await desk.run(argv.length === 1 ? [...argv, desk.host] : argv);
    const asked = await desk.asked(['digest', `${desk.host}/app:1`], as('alice', desk.host));
    expect(counts(asked)['token']).toBe(1);
  });

  test('is asked for a token after a logout elsewhere, by those who keep theirs in another place', async () => {
    const desk = await withImage();
    expect((await desk.run(['logout', desk.host], { XDG_RUNTIME_DIR: folder() })).status).toBe(0);
    const asked = await desk.asked(['digest', `${desk.host}/app:1`], as('alice', desk.host));
    expect(counts(asked)['token']).toBe(1);
  });

  test('gives tokens that are kept for as long as somebody is logged in to the system, where that can be', async () => {
    const desk = await withImage();
    const runtime = folder();
    const env = { ...as('alice', desk.host), XDG_RUNTIME_DIR: runtime };
    await desk.run(['digest', `${desk.host}/app:1`], env);
    expect(readFileSync(join(runtime, 'hubctl', 'tokens.json'), 'utf8')).toContain('"tokens":[{');
    expect(await desk.asked(['digest', `${desk.host}/app:1`], env)).toEqual(['HEAD manifests']);
  });

  test('is asked for a token after a login, and then no more', async () => {
    const desk = await withImage();
    const login = ['login', '-u', 'alice', '-p', 'secret', '--credential-store', 'file', desk.host];
    expect((await desk.run(login)).status).toBe(0);
    expect(counts(await desk.asked(['digest', `${desk.host}/app:1`]))['token']).toBe(1);
    expect(await desk.asked(['digest', `${desk.host}/app:1`])).toEqual(['HEAD manifests']);
  });

  test('keeps what it was asked for one registry when another is logged out of', async () => {
    const desk = await withImage();
    await desk.run(['logout', 'localhost:1']);
    expect(await desk.asked(['digest', `${desk.host}/app:1`], as('alice', desk.host))).toEqual(['HEAD manifests']);
  });
});

test('the digest that was pushed is the digest that is there', async () => {
  const desk = await deskAt(await inMemory());
  await desk.run(['push', await desk.keep('app:1')]);
  expect((await desk.run(['digest', `${desk.host}/app:1`])).stdout).toBe(`${digest}\n`);
});
