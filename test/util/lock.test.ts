import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { withLock } from '../../src/util/lock.ts';
import { compile, type Script } from '../helpers/children.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';

const nothing = async (): Promise<void> => undefined;

describe('in one process', () => {
  test('gives the result of the work and releases the lock', async () => {
    const path = join(folder(), 'a.lock');
    expect(await withLock(path, {}, async () => existsSync(path))).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  test('releases the lock when the work fails', async () => {
    const path = join(folder(), 'a.lock');
    const failing = withLock(path, {}, () => Promise.reject(new HubError('FAILED', 'no')));
    await expect(failing).rejects.toThrow('no');
    expect(existsSync(path)).toBe(false);
  });

  test('lets only one in at a time, and everybody in the end', async () => {
    const path = join(folder(), 'a.lock');
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withLock(path, {}, work)));
    expect(most).toBe(1);
  });

  test('tells once that it has to wait', async () => {
    const path = join(folder(), 'a.lock');
    let told = 0;
    let second = Promise.resolve();
    await withLock(path, {}, async () => {
      await new Promise<void>((resolve) => {
        const onWait = (): void => {
          told += 1;
          resolve();
        };
        second = withLock(path, { onWait }, nothing);
      });
    });
    await second;
    expect(told).toBe(1);
  });

  test('says nothing of a wait that is short', async () => {
    const path = join(folder(), 'a.lock');
    let told = 0;
    const options = { timeout: 100, noticeAfter: 60_000, onWait: () => (told += 1) };
    await withLock(path, {}, () => hubErrorFrom(() => withLock(path, options, nothing)));
    expect(told).toBe(0);
  });

  test('gives up after the timeout and says who has it', async () => {
    const path = join(folder(), 'a.lock');
    const error = await withLock(path, {}, () => hubErrorFrom(() => withLock(path, { timeout: 0 }, nothing)));
    expect(error).toMatchObject({ code: 'LOCKED', details: { path, pid: process.pid } });
    expect(error.message).toContain(`process ${process.pid}`);
  });

  test('stops waiting when the signal aborts, with its reason', async () => {
    const path = join(folder(), 'a.lock');
    const stop = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    await withLock(path, {}, async () => {
      const onWait = (): void => stop.abort(reason);
      await expect(withLock(path, { signal: stop.signal, onWait }, nothing)).rejects.toBe(reason);
    });
  });

  test('does not begin when the signal has aborted before', async () => {
    const path = join(folder(), 'a.lock');
    const reason = new HubError('ABORTED', 'interrupted');
    await expect(withLock(path, { signal: AbortSignal.abort(reason) }, nothing)).rejects.toBe(reason);
    expect(existsSync(path)).toBe(false);
  });
});

describe('with a holder elsewhere', () => {
  test('waits for one that shows signs of life', async () => {
    const path = join(folder(), 'a.lock');
    writeFileSync(path, '');
    expect(await hubErrorFrom(() => withLock(path, { timeout: 100 }, nothing))).toMatchObject({ code: 'LOCKED' });
  });

  test('waits on while others take turns, each for less than the timeout', async () => {
    const path = join(folder(), 'a.lock');
    let time = 0;
    const looks = vi.spyOn(performance, 'now').mockImplementation(() => time);
    onTestFinished(() => looks.mockRestore());
    const give = (token: string): void =>
      writeFileSync(path, JSON.stringify({ token, pid: process.pid, hostname: hostname(), place: 'elsewhere' }));
    give('a'.repeat(16));
    const waiting = withLock(path, { timeout: 1000 }, async () => 'done');
    for (const next of ['b', 'c', 'd']) {
      const before = looks.mock.calls.length;
      await expect.poll(() => looks.mock.calls.length).toBeGreaterThan(before + 10);
      time += 800;
      give(next.repeat(16));
    }
    rmSync(path);
    expect(await waiting).toBe('done');
  });

  test('takes over from one that has been silent for long, after watching it for a while', async () => {
    const dir = folder();
    const path = join(dir, 'a.lock');
    writeFileSync(path, JSON.stringify({ token: '0123456789abcdef', pid: 1, hostname: 'other', place: 'elsewhere' }));
    utimesSync(path, 1000, 1000);
    let waited = false;
    await withLock(path, { staleAfter: 300, onWait: () => (waited = true) }, nothing);
    expect(waited).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('takes over a file that a process left empty when it died', async () => {
    const dir = folder();
    const path = join(dir, 'a.lock');
    writeFileSync(path, '');
    utimesSync(path, 1000, 1000);
    await withLock(path, { staleAfter: 300 }, nothing);
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('between processes', () => {
  let script: Script;
  beforeAll(async () => {
    script = await compile('lock-child.ts');
  });
  afterAll(() => script.remove());

  test('fifty processes at once lose nothing', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'count'), '0');
    const children = Array.from({ length: 50 }, () =>
      script.start('add', join(dir, 'a.lock'), join(dir, 'count'), '4'),
    );
    expect(await Promise.all(children.map((child) => child.ended))).toEqual(children.map(() => 0));
    expect(readFileSync(join(dir, 'count'), 'utf8')).toBe('200');
    expect(readdirSync(dir)).toEqual(['count']);
  }, 120_000);

  test('a holder that was killed is replaced at once, by one of many', async () => {
    const dir = folder();
    const path = join(dir, 'a.lock');
    writeFileSync(join(dir, 'count'), '0');
    const holder = script.start('hold', path);
    await holder.said('held');
    await holder.kill();
    expect(existsSync(path)).toBe(true);
    const children = Array.from({ length: 20 }, () => script.start('add', path, join(dir, 'count'), '2'));
    await Promise.all(children.map((child) => child.ended));
    expect(readFileSync(join(dir, 'count'), 'utf8')).toBe('40');
    expect(readdirSync(dir)).toEqual(['count']);
  }, 60_000);
});
