// The programs that other tests start: are they found, do they start, and do they end?
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { issueCertificate } from './certificates.ts';
import { startDockerd } from './peers.ts';
import { which } from './processes.ts';
import {
  TESTER,
  hasRealRegistry,
  startRealRegistry,
  unpackRegistry,
  type RealRegistryOptions,
} from './real-registry.ts';
import { startTokenServer } from './token-server.ts';

const available = await hasRealRegistry();
const basic = `Basic ${Buffer.from(`${TESTER.username}:${TESTER.password}`).toString('base64')}`;

async function withRegistry(
  options: RealRegistryOptions,
  work: (host: string) => Promise<void>,
): Promise<readonly string[]> {
  const registry = await startRealRegistry(options);
  if (registry === undefined) throw new Error('there is a registry, but it does not start');
  try {
    await work(registry.host);
    return registry.requests();
  } finally {
    await registry.stop();
  }
}

describe.skipIf(!available)('the real registry', () => {
  test('answers, tells what it was asked, and is gone after stop', async () => {
    let address = '';
    await withRegistry({}, async (host) => {
      address = `http://${host}/v2/`;
      expect((await fetch(address)).status).toBe(200);
    });
    await expect(fetch(address)).rejects.toThrow();
  });

  test('wants the account of its htpasswd file', async () => {
    await withRegistry({ htpasswd: TESTER.htpasswd }, async (host) => {
      expect((await fetch(`http://${host}/v2/`)).status).toBe(401);
      expect((await fetch(`http://${host}/v2/`, { headers: { authorization: basic } })).status).toBe(200);
    });
  });

  test.each(['docker-registry', 'registry'])('%s trusts the tokens of the token server', async (name) => {
    const program = await which(name);
    if (program === undefined) return console.warn(`skipped: ${name} is not on this machine`);
    const tokens = await startTokenServer({ accounts: { tester: 'secret' } });
    await withRegistry({ token: tokens, program }, async (host) => {
      tokens.standBefore(host);
      const refused = await fetch(`${tokens.origin}/v2/app/tags/list`);
      expect(refused.headers.get('www-authenticate')).toContain(`realm="${tokens.realm}"`);
      const scope = '/token?service=test+registry&scope=repository:app:pull';
      const given = (await (await fetch(tokens.origin + scope, { headers: { authorization: basic } })).json()) as {
        token: string;
      };
      const answer = await fetch(`${tokens.origin}/v2/app/tags/list`, {
        headers: { authorization: `Bearer ${given.token}` },
      });
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('NAME_UNKNOWN')]);
    });
    await tokens.stop();
  });

  test('speaks TLS with a certificate made here', async () => {
    const authority = issueCertificate({ name: 'test authority' });
    const issued = issueCertificate({ name: 'registry', hosts: ['127.0.0.1', 'localhost'], issuer: authority });
    const { request } = await import('node:https');
    await withRegistry({ tls: { key: issued.key, cert: issued.certificate } }, async (host) => {
      const status = await new Promise((resolve, reject) => {
        request(`https://${host}/v2/`, { ca: authority.certificate }, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end();
      });
      expect(status).toBe(200);
    });
  });
});

const canUnpack = (await which('apt-get')) !== undefined && (await which('dpkg-deb')) !== undefined;

describe.skipIf(!canUnpack || process.env['HUBCTL_TEST_DOWNLOAD'] !== '1')('a registry that is not installed', () => {
  test('is unpacked from the package of the distribution, without root', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'hubctl-cache-'));
    const program = await unpackRegistry(cache);
    if ('reason' in program) throw new Error(program.reason);
    await access(program.path);
    await withRegistry({ program: program.path }, async (host) => {
      expect((await fetch(`http://${host}/v2/`)).status).toBe(200);
    });
    expect(await unpackRegistry(cache)).toEqual(program);
    await rm(cache, { recursive: true, force: true });
  });
});

test('a docker daemon of its own is started and ended, where that is possible', async () => {
  const dockerd = await startDockerd();
  if (dockerd === undefined) return;
  expect(await dockerd.docker('images', '--quiet')).toBe('');
  await dockerd.stop();
  await expect(access(dockerd.address.replace('unix://', ''))).rejects.toThrow();
});
