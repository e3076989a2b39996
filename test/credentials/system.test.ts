import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { currentUser, killGroup } from '../../src/credentials/system.ts';

test('the user is the one this process acts for', () => expect(currentUser()).toBe(process.geteuid?.()));

test.skipIf(process.platform === 'win32')('a group ends with all that was started in it', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 600 & echo $!; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  killGroup(child.pid ?? 0);
  const [, signal] = (await once(child, 'close')) as [number | null, string];
  expect(signal).toBe('SIGKILL');
  // The pipe is closed, so whoever else held it, the sleeping child, is gone too.
  expect(Number(line.toString())).toBeGreaterThan(0);
});

test.skipIf(process.platform === 'win32')('a group that is gone already is no failure', async () => {
  const child = spawn('/bin/true', { detached: true });
  await once(child, 'close');
  expect(() => killGroup(child.pid ?? 0)).not.toThrow();
});
