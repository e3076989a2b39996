import { describe, expect, test } from 'vitest';
import { flagValues, type GivenFlags } from '../../src/cli/flags.ts';
import { GLOBAL_FLAGS, parseDuration, parseGlobals, parseSize, type GlobalFlags } from '../../src/cli/globals.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

function globals(given: Record<string, readonly string[]> = {}): GlobalFlags {
  const flags: GivenFlags = new Map(Object.entries(given));
  return parseGlobals(flagValues(GLOBAL_FLAGS, flags, 'pull'));
}

describe('parseGlobals', () => {
  test('without flags asks for nothing special', () => {
    expect(globals()).toMatchObject({
      json: false,
      quiet: false,
      debug: false,
      progress: 'auto',
      insecure: [],
      format: undefined,
      timeout: undefined,
    });
  });

  test('takes every flag over', () => {
    const given = {
      store: ['/s'],
      'limit-rate': ['1MB/s'],
      timeout: ['5m'],
      concurrency: ['4'],
      insecure: ['a:5000', 'b'],
      'tls-ca': ['ca.pem'],
      'tls-cert': ['cert.pem'],
      'tls-key': ['key.pem'],
      authfile: ['auth.json'],
      config: ['/c'],
      progress: ['plain'],
      debug: ['true'],
    };
    expect(globals(given)).toMatchObject({
      store: '/s',
      limitRate: 1_000_000,
      timeout: 300_000,
      concurrency: 4,
      insecure: ['a:5000', 'b'],
      tlsCa: 'ca.pem',
      tlsCert: 'cert.pem',
      tlsKey: 'key.pem',
      authfile: 'auth.json',
      config: '/c',
      progress: 'plain',
      debug: true,
    });
  });

  test('--no-progress wins, and an empty --format is none', () => {
    expect(globals({ 'no-progress': ['true'], progress: ['tty'], format: [''] })).toMatchObject({
      progress: 'none',
      format: undefined,
    });
  });

  test.each([
    [{ json: ['true'], format: ['json'] }],
    [{ concurrency: ['0'] }],
    [{ concurrency: ['1.5'] }],
    [{ concurrency: ['1000'] }],
    [{ timeout: ['soon'] }],
    [{ 'limit-rate': ['fast'] }],
    [{ progress: ['loud'] }],
  ])('%j is a mistake', async (given: Record<string, readonly string[]>) => {
    expect((await hubErrorFrom(() => globals(given))).code).toBe('USAGE');
  });
});

describe('parseSize', () => {
  test.each([
    ['500', 500],
    ['10MB', 10_000_000],
    ['10 mb', 10_000_000],
    ['1.5M', 1_500_000],
    ['500k', 500_000],
    ['1MiB/s', 1_048_576],
    ['2GiB', 2 ** 31],
    ['1TB/s', 1e12],
  ])('%s', (text, bytes) => {
    expect(parseSize(text, '--limit-rate')).toBe(bytes);
  });

  test.each(['', '0', '-1', '1X', 'MB', '1e9', '1.2.3', '0.5', '99999TB', '1MB/h'])('"%s" is no size', async (text) => {
    const error = await hubErrorFrom(() => parseSize(text, '--limit-rate'));
    expect(error.message).toBe(`invalid value "${text}" for --limit-rate: want a size such as 500kB, 10MB or 1MiB`);
  });
});

describe('parseDuration', () => {
  test.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['90', 90_000],
    ['1d', 86_400_000],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text, '--timeout')).toBe(milliseconds);
  });

  test.each(['', '0', '0s', '-5s', '5 minutes', 's', '1h30', '100d', 'NaN'])('"%s" is no time', async (text) => {
    expect((await hubErrorFrom(() => parseDuration(text, '--timeout'))).code).toBe('USAGE');
  });
});
