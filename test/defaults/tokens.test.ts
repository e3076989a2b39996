import { existsSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { forgetTokens, savedTokens, type TokenOptions } from '../../src/defaults/tokens.ts';
import type { Home } from '../helpers/credentials.ts';
import { newHome } from '../helpers/defaults.ts';

const CACHE = '.cache/hubctl/tokens.json';
const SESSION = 'run/hubctl/tokens.json';
const CHALLENGE = { scheme: 'bearer', realm: 'https://auth.example/token', service: 'reg' } as const;

function optionsOf(home: Home, options: Partial<TokenOptions> = {}): TokenOptions {
  return { home: home.path, ...options, env: { ...home.env, ...options.env } };
}

/** A run that was asked to log in, and keeps what it may. */
async function run(options: TokenOptions): Promise<void> {
  const saved = await savedTokens(options);
  saved?.challenges.set('https://reg.example', CHALLENGE);
  await saved?.save();
}

describe('tokens', () => {
  test('are kept until the session ends where there is a place for that', async () => {
    const home = await newHome();
    await mkdir(home.at('run'), { mode: 0o700 });
    await run(optionsOf(home));
    expect([existsSync(home.at(SESSION)), existsSync(home.at(CACHE))]).toEqual([true, false]);
  });

  test('are kept with the caches where others can write to that place', async () => {
    const home = await newHome();
    await mkdir(home.at('run'));
    await chmod(home.at('run'), 0o777);
    await run(optionsOf(home));
    expect([existsSync(home.at(SESSION)), existsSync(home.at(CACHE))]).toEqual([false, true]);
  });

  test.each<[when: string, options: Partial<TokenOptions>]>([
    ['when the caller says so', { tokenCache: false }],
    ['with HUBCTL_TOKEN_CACHE=0', { env: { HUBCTL_TOKEN_CACHE: '0' } }],
  ])('are not kept %s', async (_, options) => {
    const home = await newHome();
    expect(await savedTokens(optionsOf(home, options))).toBeUndefined();
  });

  test('are forgotten wherever another run may have kept them', async () => {
    const home = await newHome();
    await run(optionsOf(home));
    await mkdir(home.at('run'), { mode: 0o700 });
    await run(optionsOf(home));
    await forgetTokens(optionsOf(home, { tokenCache: false }), undefined);
    for (const path of [SESSION, CACHE]) {
      expect(existsSync(home.at(path)) && (await home.text(path)).includes('reg.example')).toBe(false);
    }
  });

  test('of one registry are forgotten alone', async () => {
    const home = await newHome();
    await run(optionsOf(home));
    await forgetTokens(optionsOf(home), 'other.example');
    expect((await savedTokens(optionsOf(home)))?.challenges.has('https://reg.example')).toBe(true);
    await forgetTokens(optionsOf(home), 'reg.example');
    expect((await savedTokens(optionsOf(home)))?.challenges.has('https://reg.example')).toBe(false);
  });

  test('nobody kept need not be forgotten', async () => {
    const home = await newHome();
    await forgetTokens(optionsOf(home), undefined);
    expect(existsSync(home.at('.cache'))).toBe(false);
  });
});
