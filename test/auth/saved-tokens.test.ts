import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { forgetTokens, loadTokens, type SavedTokens } from '../../src/auth/saved-tokens.ts';
import type { CachedToken } from '../../src/auth/token-cache.ts';
import { folder } from '../helpers/folder.ts';

const NOW = 1_800_000_000_000;
const REGISTRY = 'https://reg.example';
const BEARER = { scheme: 'bearer', realm: 'https://auth.example/token', service: 'reg' } as const;
const ALICE = { kind: 'basic', username: 'alice', password: 'canary' } as const;
const BOB = { kind: 'basic', username: 'bob', password: 'canary' } as const;

function at(now: number): { now(): number } {
  return { now: () => now };
}

function newPath(): string {
  return join(folder(), 'hubctl', 'tokens.json');
}

function keyOf({ tokens }: SavedTokens, credential: typeof ALICE | typeof BOB | undefined): string {
  return tokens.keyFor({ registry: REGISTRY, realm: BEARER.realm, service: BEARER.service, credential });
}

interface Fetched extends Partial<CachedToken> {
  readonly credential?: typeof ALICE | typeof BOB | undefined;
}

/** A run that fetches a token and ends. */
async function runThatFetches(path: string, { credential = ALICE, ...token }: Fetched = {}): Promise<void> {
  const saved = await loadTokens(path, at(NOW));
  saved.challenges.set(REGISTRY, BEARER);
  const key = keyOf(saved, credential);
  const given = { key, registry: REGISTRY, scopes: ['repository:a:pull'], value: 'v', since: NOW, expires: NOW + 9000 };
  saved.tokens.add({ ...given, ...token }, NOW);
  await saved.save();
}

/** The token that a later run finds. */
async function found(path: string, who: typeof ALICE | typeof BOB | 'nobody' = ALICE, now = NOW + 1) {
  const saved = await loadTokens(path, at(now));
  return saved.tokens.find(keyOf(saved, who === 'nobody' ? undefined : who), ['repository:a:pull'], now);
}

describe('a token', () => {
  test('serves the next run', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(await found(path)).toBe('v');
  });

  test('comes with the challenge that wanted it', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect([...(await loadTokens(path, at(NOW))).challenges]).toEqual([[REGISTRY, { ...BEARER, earlier: true }]]);
  });

  test('serves nobody after its end', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(await found(path, ALICE, NOW + 9000)).toBeUndefined();
  });

  test('of one account serves no other, nor nobody', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(await found(path, BOB)).toBeUndefined();
    expect(await found(path, 'nobody')).toBeUndefined();
  });

  test('that would last longer than any is from another clock, and not used', async () => {
    const path = newPath();
    await runThatFetches(path, { expires: NOW + 25 * 60 * 60 * 1000 });
    expect(await found(path)).toBeUndefined();
  });

  test('from the future is not used', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(await found(path, ALICE, NOW - 1)).toBeUndefined();
  });

  test('that was dropped is dropped for later runs', async () => {
    const path = newPath();
    await runThatFetches(path);
    const run = await loadTokens(path, at(NOW));
    run.tokens.drop('v');
    await run.save();
    expect(await found(path)).toBeUndefined();
  });

  test('of a run that ends at the same time is kept as well', async () => {
    const path = newPath();
    await runThatFetches(path, { value: 'first' });
    const [one, two] = [await loadTokens(path, at(NOW)), await loadTokens(path, at(NOW))];
    const token = { registry: REGISTRY, scopes: ['repository:a:pull'], since: NOW, expires: NOW + 9000 };
    one.tokens.add({ ...token, key: keyOf(one, BOB), value: 'bob' }, NOW);
    two.tokens.add({ ...token, key: keyOf(two, undefined), value: 'nobody' }, NOW);
    await Promise.all([one.save(), two.save()]);
    expect([await found(path), await found(path, BOB), await found(path, 'nobody')]).toEqual([
      'first',
      'bob',
      'nobody',
    ]);
  });
});

describe('the file', () => {
  test('is for its owner only and holds no password', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, 'utf8')).not.toContain('canary');
  });

  test('is not made when there is nothing to keep', async () => {
    const path = newPath();
    await (await loadTokens(path, at(NOW))).save();
    expect(existsSync(path)).toBe(false);
  });

  test('is not written when nothing is new', async () => {
    const path = newPath();
    await runThatFetches(path);
    const before = statSync(path, { bigint: true }).mtimeNs;
    await (await loadTokens(path, at(NOW))).save();
    expect(statSync(path, { bigint: true }).mtimeNs).toBe(before);
  });

  test('that others can read is not trusted', async () => {
    const path = newPath();
    await runThatFetches(path);
    chmodSync(path, 0o644);
    expect(await found(path)).toBeUndefined();
    expect((await loadTokens(path, at(NOW))).challenges.size).toBe(0);
  });

  test.each([
    ['', 'empty'],
    ['{', 'cut off'],
    ['[]', 'no object'],
    ['{"version":2}', 'of another version'],
    ['{"version":1,"salt":1,"tokens":[{}]}', 'without a salt'],
    [
      `{"version":1,"salt":"${'0'.repeat(32)}","tokens":[null,{"value":1}],"challenges":{"x":{"scheme":"digest"}}}`,
      'odd',
    ],
  ])('%j, which is %s, holds nothing, and the next run replaces it', async (text) => {
    const path = newPath();
    mkdirSync(dirname(path), { mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
    const { tokens, challenges } = await loadTokens(path, at(NOW));
    expect([tokens.entries().length, challenges.size]).toEqual([0, 0]);
    await runThatFetches(path);
    expect(await found(path)).toBe('v');
  });

  test('gives no token that could not stand in a header', async () => {
    const path = newPath();
    await runThatFetches(path, { value: 'a\r\nb' });
    expect((await loadTokens(path, at(NOW))).tokens.entries()).toEqual([]);
  });

  test('does not grow without end', async () => {
    const path = newPath();
    const saved = await loadTokens(path, at(NOW));
    for (let index = 0; index < 500; index += 1) {
      const scopes = [`repository:a${index}:pull`];
      const token = { key: 'k', registry: REGISTRY, scopes, value: `v${index}`, since: NOW, expires: NOW + 9000 };
      saved.tokens.add(token, NOW);
    }
    await saved.save();
    const kept = (await loadTokens(path, at(NOW))).tokens.entries();
    expect(kept).toHaveLength(200);
    expect(kept[0]?.value).toBe('v499');
  });
});

describe('forgetting', () => {
  test('a registry takes its tokens and its challenge', async () => {
    const path = newPath();
    await runThatFetches(path);
    await forgetTokens(path, 'reg.example', NOW);
    const { tokens, challenges } = await loadTokens(path, at(NOW));
    expect([tokens.entries().length, challenges.size]).toEqual([0, 0]);
  });

  test('another registry takes nothing', async () => {
    const path = newPath();
    await runThatFetches(path);
    await forgetTokens(path, 'reg.example:5000', NOW);
    expect(await found(path)).toBe('v');
  });

  test.each(['reg.example', undefined])('%s also takes the tokens that a run still has in hand', async (host) => {
    const path = newPath();
    await runThatFetches(path);
    let now = NOW;
    const run = await loadTokens(path, { now: () => now });
    const token = { key: keyOf(run, ALICE), registry: REGISTRY, scopes: ['repository:a:pull'], value: 'w' };
    run.tokens.add({ ...token, since: NOW, expires: NOW + 9000 }, NOW);
    await forgetTokens(path, host, NOW + 1);
    now = NOW + 2;
    await run.save();
    expect(await found(path, ALICE, NOW + 3)).toBeUndefined();
  });

  test('does not touch what is fetched afterwards', async () => {
    const path = newPath();
    await runThatFetches(path);
    await forgetTokens(path, undefined, NOW);
    await runThatFetches(path, { since: NOW + 1 });
    expect(await found(path)).toBe('v');
  });

  test('tells when it is not possible', async () => {
    const path = newPath();
    await runThatFetches(path);
    expect(await forgetTokens(path, 'reg.example', NOW)).toBe(true);
    chmodSync(dirname(path), 0o777);
    expect(await forgetTokens(path, 'reg.example', NOW)).toBe(false);
  });

  test('what is no host forgets nothing', async () => {
    const path = newPath();
    await forgetTokens(path, 'no host', NOW);
    expect(existsSync(path)).toBe(false);
  });
});
