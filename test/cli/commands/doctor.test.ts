import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli, type CliOptions, type CliResult } from '../../helpers/cli.ts';
import { issueCertificate } from '../../helpers/certificates.ts';
import { folder } from '../../helpers/folder.ts';
import {
  startLocalServer,
  type Handler,
  type LocalServer,
  type LocalServerOptions,
} from '../../helpers/local-server.ts';
import type { Registry, RegistryOptions } from '../../helpers/registry.ts';
import { fillRegistry, sampleImage } from '../../helpers/sample-image.ts';
import { closedPort } from '../../helpers/web.ts';
import { newRegistry } from '../../helpers/workplace.ts';

interface Step {
  readonly name: string;
  readonly state: string;
  readonly message: string;
  readonly hint?: string;
  readonly code?: string;
}

interface Report {
  readonly status: number;
  readonly steps: readonly Step[];
  readonly ok: boolean;
  readonly advice: string;
}

function cli(argv: readonly string[], { home = folder(), env, ...options }: CliOptions = {}): Promise<CliResult> {
  const noBus = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}`, XDG_RUNTIME_DIR: home };
  return runCli(argv, { ...options, home, env: { ...noBus, ...env } });
}

async function examine(text: string, options?: CliOptions): Promise<Report> {
  const { status, stdout } = await cli(['doctor', '--json', text], options);
  return { ...(JSON.parse(stdout) as Omit<Report, 'status'>), status };
}

/** Names of the steps on the way to a registry, the one that failed marked. */
function way({ steps }: Report): string {
  return steps
    .slice(steps.findIndex(({ name }) => name === 'credentials'))
    .map(({ name, state }) => (state === 'ok' ? name : `${name}!`))
    .join(' ');
}

function failure({ steps }: Report): Step | undefined {
  return steps.find(({ state }) => state === 'failed');
}

/** A home that has logged in to a host. */
function homeWith(host: string, account = 'tester:secret'): string {
  const home = folder();
  mkdirSync(join(home, '.docker'));
  const auths = { [host]: { auth: Buffer.from(account).toString('base64') } };
  writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ auths }), { mode: 0o600 });
  return home;
}

async function registryWith(options: RegistryOptions = {}): Promise<Registry> {
  const registry = await newRegistry(options);
  fillRegistry(registry.contents, ['team/app', '1'], sampleImage());
  return registry;
}

async function server(handler: Handler, options: LocalServerOptions = {}): Promise<LocalServer> {
  const started = await startLocalServer(handler, options);
  onTestFinished(() => started.stop());
  return started;
}

const WHOLE_WAY = 'credentials proxy name connect ping challenge';

describe('without a reference', () => {
  test('looks at this machine, and creates nothing', async () => {
    const home = folder();
    const { status, stdout } = await cli(['doctor'], { home });
    expect(status).toBe(0);
    expect(
      stdout
        .split('\n')
        .map((line) => /^(?:ok|FAILED) +(\S+)/.exec(line)?.[1])
        .filter(Boolean),
    ).toEqual(['node', 'config', 'store', 'keychain']);
    expect(stdout).toContain('\n\nThis machine is ready;');
    expect(readdirSync(home)).toEqual([]);
  });

  test('a configuration file that is no JSON is named, and the rest is still looked at', async () => {
    const home = homeWith('x');
    writeFileSync(join(home, '.docker', 'config.json'), '{"auths": ');
    const { status, stdout } = await cli(['doctor'], { home });
    expect(status).toBe(2);
    expect(stdout).toMatch(/FAILED {2}config +~\/\.docker\/config\.json is not valid JSON/);
    expect(stdout).toMatch(/\nok +store/);
  });

  test('a damaged store is found', async () => {
    const home = folder();
    const dir = join(home, 'store');
    mkdirSync(dir);
    writeFileSync(join(dir, 'index.json'), '{');
    const { status, stdout } = await cli(['doctor', '--store', dir], { home });
    expect(status).toBe(9);
    expect(stdout).toContain('the store is damaged');
  });

  test('a file in the place of the store is found', async () => {
    const home = folder();
    writeFileSync(join(home, 'file'), '');
    expect((await cli(['doctor', '--store', join(home, 'file')], { home })).status).toBe(9);
  });

  test.skipIf(process.getuid?.() === 0)('a folder that may not be written to is found', async () => {
    const home = folder();
    mkdirSync(join(home, 'closed'), { mode: 0o500 });
    expect((await cli(['doctor', '--store', join(home, 'closed', 'store')], { home })).status).toBe(9);
    chmodSync(join(home, 'closed'), 0o700);
  });
});

describe('a registry that works', () => {
  test('is walked to the image', async () => {
    const registry = await registryWith();
    const report = await examine(`${registry.host}/team/app:1`);
    expect(way(report)).toBe(`${WHOLE_WAY} image quota`);
    expect(report).toMatchObject({
      status: 0,
      ok: true,
      advice: `${registry.host}/team/app:1 can be used from here; nothing is wrong.`,
    });
  });

  test('counts no pull: every request for the image is HEAD', async () => {
    const registry = await registryWith({ auth: 'bearer', anonymousPull: true });
    await examine(`${registry.host}/team/app:1`);
    expect(registry.requests({ path: '/manifests/' }).map(({ method }) => method)).toEqual(['HEAD']);
    expect(registry.requests({ path: '/blobs/' })).toEqual([]);
  });

  test('is enough: a host is looked at without an image', async () => {
    const registry = await registryWith();
    const report = await examine(registry.host);
    expect(way(report)).toBe(WHOLE_WAY);
    expect(report.status).toBe(0);
  });

  test('tells what an anonymous token grants', async () => {
    const registry = await registryWith({ auth: 'bearer', anonymousPull: true });
    const report = await examine(`${registry.host}/team/app:1`);
    expect(way(report)).toBe(`${WHOLE_WAY} token image quota`);
    expect(report.steps.find(({ name }) => name === 'token')?.message).toBe(
      'grants pull on team/app, not push, for want of a login',
    );
    expect(report.advice).toContain(`hubctl login ${registry.host}`);
  });

  test('tells whose credentials are used, and what they grant', async () => {
    const registry = await registryWith({ auth: 'bearer' });
    const report = await examine(`${registry.host}/team/app:1`, { home: homeWith(registry.host) });
    const messages = Object.fromEntries(report.steps.map(({ name, message }) => [name, message]));
    expect(messages['credentials']).toBe('tester, from file ~/.docker/config.json');
    expect(messages['token']).toBe('grants pull, push on team/app');
    expect(report.status).toBe(0);
  });

  test('may want Basic', async () => {
    const registry = await registryWith({ auth: 'basic' });
    const report = await examine(`${registry.host}/team/app:1`, { home: homeWith(registry.host) });
    expect(way(report)).toBe(`${WHOLE_WAY} login image quota`);
  });

  test('tells the quota that is left, and fails when there is none', async () => {
    const registry = await registryWith();
    const headers = {
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '76;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    };
    registry.fail({ method: 'HEAD', path: '/manifests/' }, { headers });
    const report = await examine(`${registry.host}/team/app:1`);
    expect(report.steps.at(-1)).toMatchObject({
      name: 'quota',
      message: '76 of 100 pulls left in 6 h, counted for 192.0.2.1',
    });
    registry.fail(
      { method: 'HEAD', path: '/manifests/' },
      { headers: { ...headers, 'ratelimit-remaining': '0;w=21600' } },
    );
    expect(await examine(`${registry.host}/team/app:1`)).toMatchObject({ status: 5, ok: false });
  });
});

describe('what is wrong', () => {
  test('a port where nothing listens', async () => {
    const report = await examine(`127.0.0.1:${await closedPort()}/app:1`);
    expect(way(report)).toBe('credentials proxy name connect!');
    expect(report.status).toBe(6);
  });

  test('a name that does not exist', async () => {
    const report = await examine('nosuch.invalid/app:1');
    expect(way(report)).toBe('credentials proxy name!');
    expect(report).toMatchObject({ status: 6, advice: expect.stringContaining('check the spelling') as string });
  });

  test('a proxy that is none', async () => {
    const report = await examine('registry.example/app:1', {
      env: { HTTPS_PROXY: 'socks5://user:hunter2@127.0.0.1:1' },
    });
    expect(way(report)).toBe('credentials proxy!');
    expect(report.status).toBe(2);
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });

  test('a proxy where nothing listens', async () => {
    const port = await closedPort();
    const report = await examine('registry.example/app:1', {
      env: { HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${port}` },
    });
    expect(way(report)).toBe('credentials proxy name connect!');
    expect(failure(report)?.message).toContain(`the proxy 127.0.0.1:${port}`);
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });

  test('a certificate that nobody vouches for', async () => {
    const { key, certificate } = issueCertificate({ name: 'localhost', hosts: ['localhost', '127.0.0.1'] });
    const registry = await newRegistry({
      tls: { key, cert: certificate },
    });
    const report = await examine(`${registry.host}/app:1`);
    expect(way(report)).toBe('credentials proxy name tls!');
    expect(report).toMatchObject({ status: 6, advice: expect.stringContaining('--tls-ca') as string });
  });

  test('a captive portal', async () => {
    const portal = await server(() => ({
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html>Welcome',
    }));
    const report = await examine(`${portal.host}/app:1`);
    expect(way(report)).toBe('credentials proxy name connect ping!');
    expect(failure(report)?.message).toContain('a web page, not as a registry');
    expect(report.status).toBe(6);
  });

  test('a web server that is no registry', async () => {
    const other = await server(() => ({ status: 404, body: 'nothing here' }));
    expect(await examine(`${other.host}/app:1`)).toMatchObject({
      status: 8,
      advice: expect.stringContaining('no registry') as string,
    });
  });

  test('a registry that is broken', async () => {
    const broken = await server(() => ({ status: 500, body: 'oops' }));
    const report = await examine(`${broken.host}/app:1`);
    expect(way(report)).toBe('credentials proxy name connect ping!');
    expect(report.status).toBe(6);
  });

  test.each(['basic', 'bearer'] as const)('a wrong password (%s)', async (auth) => {
    const registry = await registryWith({ auth });
    const report = await examine(`${registry.host}/team/app:1`, {
      home: homeWith(registry.host, 'tester:wrong-canary'),
    });
    expect(report.status).toBe(4);
    expect(report.advice).toContain(`hubctl login ${registry.host}`);
    expect(JSON.stringify(report)).not.toContain('wrong-canary');
  });

  test.each(['basic', 'bearer'] as const)('no credentials where some are wanted (%s)', async (auth) => {
    const registry = await registryWith({ auth });
    const report = await examine(`${registry.host}/team/app:1`);
    expect(report).toMatchObject({
      status: 4,
      advice: expect.stringContaining(`hubctl login ${registry.host}`) as string,
    });
  });

  test('a tag that is not there', async () => {
    const registry = await registryWith();
    const report = await examine(`${registry.host}/team/app:2`);
    expect(way(report)).toBe(`${WHOLE_WAY} image!`);
    expect(report).toMatchObject({
      status: 3,
      advice: expect.stringContaining(`hubctl tags ${registry.host}/team/app`) as string,
    });
  });

  test('a challenge that nobody understands', async () => {
    const odd = await server(() => ({ status: 401, headers: { 'www-authenticate': 'Negotiate abc' } }));
    const report = await examine(`${odd.host}/app:1`);
    expect(way(report)).toBe(`${WHOLE_WAY}!`);
    expect(report.status).toBe(4);
  });

  test('a token service on another network', async () => {
    const odd = await server(() => ({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="http://169.254.169.254/token",service="x"' },
    }));
    const report = await examine(`${odd.host}/app:1`);
    expect(way(report)).toBe(`${WHOLE_WAY} token!`);
    expect(report.status).toBe(8);
  });
});

test('no secret is shown on any way', async () => {
  const registry = await registryWith({ auth: 'bearer' });
  const home = homeWith(registry.host);
  const texts = await Promise.all(
    [['doctor'], ['doctor', '--json'], ['doctor', '--debug']].map((argv) =>
      cli([...argv, `${registry.host}/team/app:1`], { home }),
    ),
  );
  const all = texts.map(({ stdout, stderr }) => stdout + stderr).join('\n');
  expect(all).toContain('tester');
  expect(all).not.toMatch(/:secret|secret"|eyJ/);
  expect(all).not.toContain(Buffer.from('tester:secret').toString('base64'));
});

test('lines fit 80 columns', async () => {
  const registry = await registryWith({ auth: 'bearer', anonymousPull: true });
  const { stdout } = await cli(['doctor', `${registry.host}/team/app:1`]);
  const words = stdout.split('\n').filter((line) => line.length > 80 && /\s\S+\s+\S+ \S/.test(line));
  expect(
    words.filter((line) =>
      line
        .trim()
        .split(/\s+/)
        .every((word) => word.length < 55),
    ),
  ).toEqual([]);
});

test('with --quiet only the advice is printed', async () => {
  const registry = await registryWith();
  const { stdout } = await cli(['doctor', '-q', `${registry.host}/team/app:1`]);
  expect(stdout.replaceAll('\n', ' ').trim()).toBe(
    `${registry.host}/team/app:1 can be used from here; nothing is wrong.`,
  );
});

test('an image without a host is one of Docker Hub, and a host with a slash is a registry', async () => {
  expect((await cli(['doctor', 'Bad/Name/Here:::'])).status).toBe(2);
  const registry = await registryWith();
  expect((await cli(['doctor', `${registry.host}/`])).stdout).toContain('can be used from here');
});
