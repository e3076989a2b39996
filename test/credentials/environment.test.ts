import { describe, expect, test } from 'vitest';
import { dockerAuthConfig, hubctlVariables } from '../../src/credentials/environment.ts';
import { base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const AUTH = base64('alice:secret');
const ALICE = { kind: 'basic', username: 'alice', password: 'secret' };

function read(text: string): { store: ReturnType<typeof dockerAuthConfig>; warnings: string[] } {
  const warnings: string[] = [];
  const store = dockerAuthConfig({ DOCKER_AUTH_CONFIG: text }, (warning) => void warnings.push(warning));
  return { store, warnings };
}

describe('DOCKER_AUTH_CONFIG', () => {
  test('gives credentials by host and by namespace', async () => {
    const { store } = read(
      JSON.stringify({ auths: { 'ghcr.io': { auth: AUTH }, 'ghcr.io/org': { auth: base64('org:x') } } }),
    );
    expect(await store?.get('ghcr.io')).toEqual(ALICE);
    expect(await store?.getForRepository('ghcr.io', 'org/app')).toMatchObject({ username: 'org' });
    expect(await store?.getForRepository('ghcr.io', 'else/app')).toBeUndefined();
    expect(await store?.list()).toEqual([
      { server: 'ghcr.io', username: 'alice' },
      { server: 'ghcr.io/org', username: 'org' },
    ]);
  });

  test.each([
    ['{"auths":{}} {"auths":{}}', 'DOCKER_AUTH_CONFIG does not support more than one JSON object'],
    ['{"auths":{"ghcr.io":{}}}', 'DOCKER_AUTH_CONFIG environment variable is missing key `auth` for ghcr.io'],
    ['{"auths":{"ghcr.io":{"auth":"eDp5","email":"x"}}}', 'unknown field "email" for ghcr.io'],
    ['{"auths":{},"credsStore":"x"}', 'unknown field "credsStore"'],
    ['{"auths":[]}', '"auths" is not an object'],
    ['[]', 'it is not a JSON object'],
    ['{', 'DOCKER_AUTH_CONFIG is not valid JSON'],
  ])('%s is told and ignored', (text, reason) => {
    const { store, warnings } = read(text);
    expect(store).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`Failed to create credential store from DOCKER_AUTH_CONFIG: ${reason}`);
  });

  test('cannot be written, and a logout of something else does not mind', async () => {
    const { store } = read(JSON.stringify({ auths: { 'ghcr.io': { auth: AUTH } } }));
    expect((await hubErrorFrom(() => store?.store('ghcr.io', { kind: 'identity', token: 'x' }))).code).toBe(
      'UNSUPPORTED',
    );
    expect((await hubErrorFrom(() => store?.erase('ghcr.io'))).code).toBe('UNSUPPORTED');
    expect(await store?.erase('quay.io')).toBe(false);
  });

  test('that is empty is not there', () => expect(read('').store).toBeUndefined());
});

describe('HUBCTL_USERNAME and HUBCTL_PASSWORD', () => {
  const account = { HUBCTL_USERNAME: 'alice', HUBCTL_PASSWORD: 'secret' };

  test('are for Docker Hub', async () => {
    const store = hubctlVariables(account);
    expect(await store?.get('docker.io')).toEqual(ALICE);
    expect(await store?.get('ghcr.io')).toBeUndefined();
  });

  test('are for the registry in HUBCTL_REGISTRY, and for no other', async () => {
    const store = hubctlVariables({ ...account, HUBCTL_REGISTRY: 'https://ghcr.io' });
    expect(await store?.get('ghcr.io')).toEqual(ALICE);
    expect(await store?.get('docker.io')).toBeUndefined();
  });

  test('go together', async () => {
    expect((await hubErrorFrom(() => hubctlVariables({ HUBCTL_PASSWORD: 'x' }))).code).toBe('USAGE');
    expect(hubctlVariables({ HUBCTL_USERNAME: 'alice' })).toBeUndefined();
  });
});
