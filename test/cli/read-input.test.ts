import { expect, test } from 'vitest';
import { readInput } from '../../src/cli/read-input.ts';
import { HubError } from '../../src/errors.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { fakeIo } from '../helpers/terminal.ts';

test('everything up to the end is read, characters cut in two included', async () => {
  const io = fakeIo();
  const bytes = Buffer.from('pässword\n');
  io.stdin.write(bytes.subarray(0, 2));
  io.stdin.end(bytes.subarray(2));
  expect(await readInput(io)).toBe('pässword\n');
});

test('more than 1 MiB is refused', async () => {
  const io = fakeIo();
  io.stdin.end('x'.repeat(1024 * 1024 + 1));
  expect((await hubErrorFrom(() => readInput(io))).code).toBe('USAGE');
});

test('an interrupt ends the wait', async () => {
  const controller = new AbortController();
  const reading = readInput(fakeIo({ signal: controller.signal }));
  const reason = new HubError('ABORTED', 'interrupted');
  controller.abort(reason);
  expect(await hubErrorFrom(() => reading)).toBe(reason);
});
