import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { Home, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

test('nothing is read, started or made by opening', async () => {
  await home.write('.docker/config.json', '{ broken');
  expect(home.credentials()).toBeDefined();
  expect(home.warnings).toEqual([]);
});

test("what docker's config says of other things can be asked, too", async () => {
  await home.write('.docker/config.json', { HttpHeaders: { 'X-Meta': 'a' }, auths: {} });
  expect((await home.credentials().dockerConfig()).httpHeaders).toEqual({ 'X-Meta': 'a' });
  expect((await home.credentials({ configDir: home.at('none') }).dockerConfig()).httpHeaders).toEqual({});
});

test('a warning comes once', async () => {
  await home.write('.docker/config.json', { auths: { 'ghcr.io': { auth: base64('a:b') } } }, 0o644);
  const credentials = home.credentials();
  await credentials.find('ghcr.io');
  await credentials.find('quay.io');
  await credentials.list();
  expect(home.warnings).toHaveLength(1);
});

test('contradicting variables are refused at once', async () => {
  expect((await hubErrorFrom(() => home.credentials({ env: { HUBCTL_PASSWORD: 'x' } }))).code).toBe('USAGE');
});

describe('an abort', () => {
  test('ends a helper that is asked', async () => {
    const controller = new AbortController();
    await home.helper('slow', 'sleep 600');
    await home.write('.docker/config.json', { credsStore: 'slow' });
    const finding = home.credentials({ signal: controller.signal }).find('ghcr.io');
    await expect.poll(() => home.calls('slow')).toEqual(['get']);
    const reason = new HubError('ABORTED', 'interrupted');
    controller.abort(reason);
    expect(await hubErrorFrom(() => finding)).toBe(reason);
  });
});
