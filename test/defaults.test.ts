import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createDefaults, defaultStoreDir } from '../src/defaults.ts';
import { HubError } from '../src/errors.ts';
import { base64 } from './helpers/credentials.ts';
import { defaultsOf, newHome, ping, registryWith } from './helpers/defaults.ts';
import { hubErrorFrom } from './helpers/errors.ts';
import { blobOf, opener } from './helpers/stores.ts';
import { serve, serveRaw } from './helpers/web.ts';

describe('the directory of the store', () => {
  test.each<[env: Record<string, string>, dir: string]>([
    [{}, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: '/data' }, '/data/hubctl'],
    [{ XDG_DATA_HOME: '/data', HUBCTL_HOME: '/own' }, '/own'],
    [{ HUBCTL_HOME: '' }, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: '' }, '/home/me/.local/share/hubctl'],
    [{ XDG_DATA_HOME: 'relative' }, '/home/me/.local/share/hubctl'],
  ])('with %j is %s', (env, dir) => {
    expect(defaultStoreDir({ env, home: '/home/me' })).toBe(dir);
    expect(createDefaults({ env, home: '/home/me' }).storeDir).toBe(dir);
  });

  test('may be named', () => {
    const options = { env: { HUBCTL_HOME: '/own' }, home: '/home/me', storeDir: '/named' };
    expect(createDefaults(options).storeDir).toBe('/named');
  });
});

describe('defaults', () => {
  test('open nothing before they are asked', async () => {
    const home = await newHome();
    const before = await readdir(home.path);
    const defaults = defaultsOf(home, { storeDir: home.at('store') });
    await defaults[Symbol.asyncDispose]();
    expect(await readdir(home.path)).toEqual(before);
  });

  test('give the same store, registries and credentials to everybody', async () => {
    const defaults = defaultsOf(await newHome());
    expect(await defaults.store()).toBe(await defaults.store());
    expect(await defaults.credentials()).toBe(await defaults.credentials());
    const [one, other] = await Promise.all([defaults.registries(), defaults.registries()]);
    expect(one).toBe(other);
  });

  test('close connections and the store in the end', async () => {
    const home = await newHome();
    const server = await serve((_, response) => response.end('{}'), { keepAlive: 600_000 });
    const defaults = defaultsOf(home, { storeDir: home.at('store') });
    expect(await ping(defaults, server.host)).toBe(200);
    const blob = blobOf('bytes');
    await (await defaults.store()).write(blob.descriptor, opener(blob));
    expect(await readdir(home.at('store/locks'))).not.toEqual([]);
    const closed = [...server.sockets].map((socket) => once(socket, 'close'));
    await defaults[Symbol.asyncDispose]();
    await Promise.all(closed);
    expect(server.sockets.size).toBe(0);
    expect(await readdir(home.at('store/locks'))).toEqual([]);
  });

  test('may be closed although something could not be opened', async () => {
    const home = await newHome();
    await home.write('.docker/config.json', '{\n  "auths": nothing\n}');
    const defaults = defaultsOf(home);
    const error = await hubErrorFrom(() => defaults.registries());
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: '~/.docker/config.json is not valid JSON (line 2, column 12)',
    });
    await defaults[Symbol.asyncDispose]();
  });

  test('hand on what is to be told', async () => {
    const home = await newHome();
    const registry = await registryWith({});
    registry.fail({ path: '/v2/' }, { status: 503, headers: { 'retry-after': '0' } });
    registry.fail({ path: '/v2/' }, { headers: { warning: '299 - "the quota is used up"' } });
    const told: string[] = [];
    const defaults = defaultsOf(home, {
      onWarning: (message) => told.push(message),
      onRetry: ({ message }) => told.push(message),
      trace: (line) => told.push(line),
    });
    expect(await ping(defaults, registry.host)).toBe(200);
    expect(told).toContain(`503 from ${registry.host}`);
    expect(told).toContain(`${registry.host} says: the quota is used up`);
    expect(told.some((line) => line.includes(`GET ${registry.origin}/v2/`))).toBe(true);
  });
});

describe('credentials', () => {
  test('come from the home of the user', async () => {
    const home = await newHome();
    const registry = await registryWith({ auth: 'basic' });
    await home.write('.docker/config.json', { auths: { [registry.host]: { auth: base64('tester:secret') } } });
    expect(await ping(defaultsOf(home), registry.host)).toBe(200);
  });

  test('come from the file or the folder that was named', async () => {
    const home = await newHome();
    const registry = await registryWith({ auth: 'basic' });
    const auths = { [registry.host]: { auth: base64('tester:secret') } };
    await home.write('.docker/config.json', { auths: { [registry.host]: { auth: base64('tester:wrong') } } });
    const authfile = await home.write('named.json', { auths });
    await home.write('named/config.json', { auths });
    expect(await ping(defaultsOf(home), registry.host)).toBe(401);
    expect(await ping(defaultsOf(home, { authfile }), registry.host)).toBe(200);
    expect(await ping(defaultsOf(home, { configDir: home.at('named') }), registry.host)).toBe(200);
  });

  test('are not waited for once the signal is aborted', async () => {
    const home = await newHome();
    let arrive: (socket: Socket) => void = () => undefined;
    const arrived = new Promise<Socket>((resolve) => (arrive = resolve));
    const server = await serveRaw((socket) => arrive(socket));
    const script = `#!${process.execPath}\nrequire('net').connect(${server.port}, '127.0.0.1');\n`;
    await home.write('bin/docker-credential-hanging', script, 0o755);
    await home.write('.docker/config.json', { credsStore: 'hanging' });
    const controller = new AbortController();
    const defaults = defaultsOf(home, { signal: controller.signal });
    const finding = (await defaults.credentials()).find('reg.example');
    const helper = await arrived;
    const gone = once(helper, 'close');
    const reason = new HubError('ABORTED', 'interrupted');
    controller.abort(reason);
    await expect(finding).rejects.toBe(reason);
    await gone;
  });
});
