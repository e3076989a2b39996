import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createContext } from '../../src/cli/create-context.ts';
import type { Context } from '../../src/cli/context.ts';
import { newContext, type NewContextOptions } from '../helpers/context.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { fakeIo } from '../helpers/terminal.ts';
import { newRegistry } from '../helpers/workplace.ts';

afterEach(() => void vi.useRealTimers());

function contextOf(options?: NewContextOptions): Context {
  return newContext(options).context;
}

describe('the store', () => {
  test.each([
    { home: '/home/x', cwd: '/work', expected: '/home/x/.local/share/hubctl' },
    { home: '/home/x', cwd: '/work', env: { XDG_DATA_HOME: '/data' }, expected: '/data/hubctl' },
    { home: '/home/x', cwd: '/work', env: { HUBCTL_HOME: 'mine' }, expected: '/work/mine' },
    { home: '/home/x', cwd: '/work', env: { HUBCTL_HOME: '/a' }, flags: { store: 'b' }, expected: '/work/b' },
  ])('is at $expected', ({ expected, ...options }) => {
    expect(contextOf(options).settings.storeDir).toBe(expected);
  });

  test('is opened once, on first use, and not made by that', async () => {
    const home = folder();
    const context = contextOf({ home, flags: { store: 'store' } });
    expect(await context.store()).toBe(await context.store());
    expect((await context.store()).dir).toBe(join(home, 'store'));
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('settings', () => {
  test('are 8 transfers at once and no debug lines by default', () => {
    expect(contextOf().settings).toMatchObject({ concurrency: undefined, debug: false, authfile: undefined });
  });

  test('come from the flags, paths seen from the working directory', () => {
    const flags = { concurrency: 3, debug: true, authfile: 'auth.json' };
    expect(contextOf({ cwd: '/work', flags }).settings).toMatchObject({ ...flags, authfile: '/work/auth.json' });
  });

  test('decide the form of the output', () => {
    expect(contextOf({ flags: { json: true } }).output).toMatchObject({ json: true, quiet: false });
    expect(contextOf({ flags: { quiet: true, format: 'table' } }).output).toMatchObject({
      quiet: true,
      format: 'table',
    });
  });

  test('with a template that cannot be understood are refused', async () => {
    const make = (): unknown => createContext(fakeIo(), { ...NO_FLAGS, format: '{{.Name' });
    expect(await hubErrorFrom(make)).toMatchObject({ code: 'USAGE' });
  });

  const NO_FLAGS = { json: false, quiet: false, progress: 'auto', debug: false, insecure: [] } as const;
});

describe('the signal', () => {
  test('is that of the terminal', () => {
    const controller = new AbortController();
    const { context } = newContext({ signal: controller.signal });
    expect(context.signal).toBe(controller.signal);
    expect(context.io.signal).toBe(controller.signal);
  });

  test('aborts when the time of --timeout is over', async () => {
    vi.useFakeTimers();
    const context = contextOf({ flags: { timeout: 30_000 } });
    vi.advanceTimersByTime(29_999);
    expect(context.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await hubErrorFrom(() => context.signal.throwIfAborted())).toMatchObject({
      code: 'TIMEOUT',
      message: 'gave up after 30 s',
    });
    expect(context.io.signal).toBe(context.signal);
  });

  test('also aborts with that of the terminal when there is a --timeout', () => {
    const controller = new AbortController();
    const context = contextOf({ signal: controller.signal, flags: { timeout: 30_000 } });
    controller.abort('stop');
    expect(context.signal.reason).toBe('stop');
  });
});

describe('requests', () => {
  /** What a HEAD for a manifest that is not there leaves on stderr. */
  const stderrAfterHead = async (options: NewContextOptions, failures = 0): Promise<string> => {
    const registry = await newRegistry();
    if (failures > 0) {
      registry.fail({ path: '/manifests/', times: failures }, { status: 503, headers: { 'retry-after': '0' } });
    }
    const { context, io } = newContext(options);
    const registries = await context.registries();
    expect(await registries.repository(registry.host, 'app').has(MANIFEST)).toBe(false);
    return io.stderr.text.replaceAll(registry.host, 'HOST');
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const MANIFEST = { mediaType, digest: `sha256:${'0'.repeat(64)}`, size: 1 };

  test('are not spoken of', async () => {
    expect(await stderrAfterHead({})).toBe('');
  });

  test('are told of one by one with --debug', async () => {
    expect(await stderrAfterHead({ flags: { debug: true } })).toContain('/v2/app/manifests/sha256:000');
  });

  test('that are sent again are told of, but not with --quiet', async () => {
    expect(await stderrAfterHead({}, 1)).toBe(
      `503 from HOST; trying http://HOST/v2/app/manifests/${MANIFEST.digest} again at once\n`,
    );
    expect(await stderrAfterHead({ flags: { quiet: true } }, 1)).toBe('');
  });
});

test('nothing is made for a context that is closed unused', async () => {
  const home = folder();
  await contextOf({ home }).close();
  expect(readdirSync(home)).toEqual([]);
  expect(existsSync(join(home, '.local'))).toBe(false);
});
