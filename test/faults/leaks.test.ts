// Do credentials, or content, ever reach somebody they were not meant for? 64 ways to ask for them.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/endpoints/store/store.ts';
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { buildManifest } from '../../src/spec/build.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { copy } from '../../src/transfer/copy.ts';
import { issueCertificate } from '../helpers/certificates.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { startEvil, type Evil } from './evil.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import { inMemory, publish, testImage } from './image.ts';
import type { Fault, Rule } from './rules.ts';
import { WaitingClock } from './waiting-clock.ts';

const ACCOUNT = { username: 'canary-user', password: 'canary-password-91b2' } as const;
const BASIC = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64');
const image = testImage(40_000);

const authority = issueCertificate({ name: 'test authority' });
const leaf = issueCertificate({
  name: 'reg.test',
  issuer: authority,
  hosts: ['reg.test', 'cdn.reg.test', 'evil.test'],
});
const tls = { key: leaf.key, cert: leaf.certificate };

let registry: RegistryServer;
beforeAll(async () => {
  registry = await serve();
  await publish(registry.host, 'app', image);
});
afterAll(() => registry.close(0));

const SCHEMES = ['basic', 'bearer'] as const;
const ELSEWHERE = ['another port', 'another host', 'a subdomain', 'plain http'] as const;
type Elsewhere = (typeof ELSEWHERE)[number];

interface Scene extends AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly evil: Evil;
  readonly home: string;
  /** `reg.test:41234` */
  readonly host: string;
  hubctl(...args: string[]): Promise<CliResult>;
}

interface SceneOptions {
  readonly scheme: (typeof SCHEMES)[number];
  /** Faults, given where the evil server is. */
  readonly rules: (evil: string) => readonly Rule[];
  readonly elsewhere: Elsewhere;
}

function addressOf(evil: Evil, elsewhere: Elsewhere): string {
  if (elsewhere === 'another port') return `https://reg.test:${evil.port}`;
  if (elsewhere === 'another host') return `https://evil.test:${evil.port}`;
  if (elsewhere === 'a subdomain') return `https://cdn.reg.test:${evil.port}`;
  return `http://reg.test:${evil.plainPort}`;
}

async function setScene({ scheme, rules, elsewhere }: SceneOptions): Promise<Scene> {
  const home = await mkdtemp(join(tmpdir(), 'hubctl-leaks-'));
  const clock = new WaitingClock();
  let host = '';
  const challenge = (): string =>
    scheme === 'basic' ? 'Basic realm="evil"' : `Bearer realm="https://${host}/token",service="faults"`;
  const evil = await startEvil({ tls, challenge });
  const proxy = await startFaultProxy({
    target: registry.host,
    rules: rules(addressOf(evil, elsewhere)),
    tls,
    clock,
    tokens: { account: ACCOUNT, ...(scheme === 'basic' && { basic: true }) },
  });
  host = proxy.host.replace('127.0.0.1', 'reg.test');
  await mkdir(join(home, '.docker'));
  await writeFile(
    join(home, '.docker', 'config.json'),
    JSON.stringify({ auths: { [host]: { auth: BASIC } }, HttpHeaders: { 'X-Meta': 'canary-header' } }),
    { mode: 0o600 },
  );
  const ca = join(home, 'ca.pem');
  await writeFile(ca, authority.certificate);
  const network = { clock, lookup: async () => [{ address: '127.0.0.1', family: 4 }] };
  const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
  return {
    proxy,
    evil,
    home,
    host,
    hubctl: (...args) =>
      runCli(['--store', join(home, 'store'), '--tls-ca', ca, '--progress', 'none', ...args], { home, env, network }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([proxy.stop(), evil.stop()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Nothing secret was heard elsewhere, or said aloud. */
function expectNoLeak({ evil, proxy, host }: Scene, said: CliResult): void {
  const canaries = ['canary-', BASIC, ...proxy.tokens];
  const heard = evil.heard.map(({ text }) => text).join('\n');
  for (const canary of canaries) {
    expect(heard, `heard elsewhere than ${host}`).not.toContain(canary);
    expect(said.stdout + said.stderr).not.toContain(canary);
  }
  expect(heard.toLowerCase()).not.toContain('\nauthorization\n');
}

const CASES = SCHEMES.flatMap((scheme) => ELSEWHERE.map((elsewhere) => ({ scheme, elsewhere })));

const REDIRECTED: readonly (readonly [what: string, path: RegExp, args: (host: string) => string[]])[] = [
  ['a blob', /\/blobs\//, (host) => ['pull', `${host}/app:1`]],
  ['a manifest', /\/manifests\//, (host) => ['pull', `${host}/app:1`]],
  ['a list of tags', /\/tags\/list/, (host) => ['tags', `${host}/app`]],
  ['a list of referrers', /\/referrers\//, (host) => ['copy', '--referrers', `${host}/app:1`, 'oci:layout:1']],
  ['the token service', /^\/token|^\/v2\/app\/tags/, (host) => ['tags', `${host}/app`]],
];

describe.each(REDIRECTED)('a redirect of %s', (what, path, args) => {
  test.each(CASES)('to $elsewhere gets nothing of a login by $scheme', async ({ scheme, elsewhere }) => {
    const rules = (evil: string): Rule[] => [
      {
        name: what,
        path,
        headers: what === 'the token service' ? {} : { authorization: /./ },
        do: { redirect: `${evil}{path}` },
      },
    ];
    await using scene = await setScene({ scheme, elsewhere, rules });
    const said = await scene.hubctl(...args(scene.host));
    expect(scene.proxy.log.filter(({ fault }) => fault === what).length, said.stderr).toBeGreaterThan(0);
    expectNoLeak(scene, said);
    expect(said.status).not.toBe(0);
    if (elsewhere === 'plain http')
      expect({ status: said.status, heard: scene.evil.heard }).toEqual({ status: 8, heard: [] });
  });
});

describe('an upload location', () => {
  test.each(CASES)(
    'at $elsewhere gets nothing of a login by $scheme, and other hosts and plain http no byte',
    async ({ scheme, elsewhere }) => {
      const fault = (evil: string): Fault => ({ setHeaders: { location: `${evil}/v2/new/blobs/uploads/1` } });
      const rules = (evil: string): Rule[] => [
        { name: 'location', method: 'POST', headers: { authorization: /./ }, path: /uploads/, do: fault(evil) },
      ];
      await using scene = await setScene({ scheme, elsewhere, rules });
      const reference = `${scene.host}/new:1`;
      {
        await using store = await openStore(join(scene.home, 'store'));
        await copy(inMemory(image, reference), store, reference);
      }
      const said = await scene.hubctl('push', reference);
      expect(scene.proxy.log.filter(({ fault: name }) => name === 'location').length, said.stderr).toBeGreaterThan(0);
      expectNoLeak(scene, said);
      expect(said.status).not.toBe(0);
      if (elsewhere !== 'another port') expect(scene.evil.heard).toHaveLength(0);
      if (elsewhere === 'another host' || elsewhere === 'a subdomain') expect(said.status).toBe(8);
    },
  );
});

describe('a link to the next page', () => {
  test.each(CASES)('at $elsewhere gets nothing of a login by $scheme', async ({ scheme, elsewhere }) => {
    const rules = (evil: string): Rule[] => [
      {
        name: 'link',
        path: /tags\/list/,
        do: { setHeaders: { link: `<${evil}/v2/app/tags/list?last=x>; rel="next"` } },
      },
    ];
    await using scene = await setScene({ scheme, elsewhere, rules });
    const said = await scene.hubctl('tags', `${scene.host}/app`);
    expectNoLeak(scene, said);
    expect({ status: said.status, heard: scene.evil.heard.length }).toEqual({ status: 8, heard: 0 });
  });
});

describe('a layer that is said to be elsewhere', () => {
  test.each(CASES)('at $elsewhere gets nothing of a login by $scheme', async ({ scheme, elsewhere }) => {
    const repository = `foreign-${scheme}-${ELSEWHERE.indexOf(elsewhere)}`;
    await publish(registry.host, repository, image);
    let bytes = '';
    const rules = (evil: string): Rule[] => {
      const big = { ...image.big.descriptor, urls: [`${evil}/layer`] };
      const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
      bytes = Buffer.from(
        buildManifest({ config: image.config.descriptor, layers: [{ ...big, mediaType }] }),
      ).toString();
      return [
        {
          path: /manifests/,
          do: { replace: bytes, setHeaders: { 'docker-content-digest': digestOf(Buffer.from(bytes)) } },
        },
        { name: 'gone', method: 'GET', path: new RegExp(big.digest), do: { status: 404 } },
      ];
    };
    await using scene = await setScene({ scheme, elsewhere, rules });
    const said = await scene.hubctl('pull', `${scene.host}/${repository}:1`);
    expectNoLeak(scene, said);
    expect(said.status, said.stderr).not.toBe(0);
    expect(scene.evil.heard).toHaveLength(elsewhere === 'plain http' ? 0 : 1);
  });
});

describe('a token service', () => {
  const NAMES = ['https://evil.test:{port}/token', 'https://reg.test:{port}/token'] as const;

  /** A registry that wants the token to be fetched from `realm`, and the evil server there. */
  async function sceneWith(realm: string): Promise<Scene> {
    let wanted = '';
    const scene = await setScene({
      scheme: 'bearer',
      elsewhere: 'another host',
      rules: (evil) => {
        wanted = realm.replace('{port}', new URL(evil).port);
        const headers = { 'www-authenticate': `Bearer realm="${wanted}",service="x"` };
        return [{ name: 'realm', path: /^\/v2\//, do: { status: 401, headers } }];
      },
    });
    return scene;
  }

  test.each(NAMES)('at %s gets no password before it was accepted', async (realm) => {
    await using scene = await sceneWith(realm);
    const said = await scene.hubctl('pull', `${scene.host}/app:1`);
    expectNoLeak(scene, said);
    expect({ status: said.status, heard: scene.evil.heard.length }).toEqual({ status: 8, heard: 0 });
    expect(said.stderr).toContain(`hubctl login ${scene.host}`);
  });

  test.each([
    'http://reg.test:{port}/token',
    'file:///etc/passwd',
    'gopher://evil.test:{port}/',
    'https://user:pass@evil.test:{port}/token',
    'https://169.254.169.254/token',
    'https://[::1]:{port}/token',
  ])('at %s is not even asked', async (realm) => {
    await using scene = await sceneWith(realm);
    const said = await scene.hubctl('pull', `${scene.host}/app:1`);
    expect({ status: said.status, heard: scene.evil.heard.length }).toEqual({ status: 8, heard: 0 });
  });

  test('elsewhere may be asked by those who have no password', async () => {
    await using scene = await sceneWith('https://evil.test:{port}/token');
    await rm(join(scene.home, '.docker'), { recursive: true });
    await scene.hubctl('pull', `${scene.host}/app:1`);
    expect(scene.evil.heard.length).toBeGreaterThan(0);
  });
});

test('a chain of redirects that comes back to the registry does not bring the login with it', async () => {
  const rules = (evil: string): Rule[] => {
    void evil;
    return [
      {
        name: 'away',
        path: /\/blobs\//,
        headers: { authorization: /./ },
        do: { redirect: 'https://cdn.reg.test:{port}{path}' },
      },
      {
        name: 'back',
        path: /\/blobs\//,
        headers: { host: /^cdn/, '!authorization': true },
        max: 20,
        do: { redirect: 'https://reg.test:{port}{path}?back' },
      },
    ];
  };
  await using scene = await setScene({ scheme: 'basic', elsewhere: 'another host', rules });
  const said = await scene.hubctl('pull', `${scene.host}/app:1`);
  const back = scene.proxy.log.filter(({ path }) => path.endsWith('?back'));
  expect(back.length, said.stderr).toBeGreaterThan(0);
  for (const { authorization } of back) expect(authorization).toBeUndefined();
});
