import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Memory } from '../../../src/endpoints/store/memory.ts';
import { folder } from '../../helpers/folder.ts';

interface Note {
  readonly n: number;
}

const parse = (value: unknown): Note | undefined =>
  typeof value === 'object' && value !== null && 'n' in value ? (value as Note) : undefined;

test('remembers across openings, the oldest first', async () => {
  const path = join(folder(), 'new/notes.jsonl');
  await new Memory<Note>(path, { parse }).add([{ n: 1 }, { n: 2 }]);
  await new Memory<Note>(path, { parse }).add([{ n: 3 }]);
  expect(await new Memory<Note>(path, { parse }).records()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('knows nothing without a file, and makes none', async () => {
  expect(await new Memory<Note>('/nowhere/notes', { parse }).records()).toEqual([]);
});

test('sees what another process adds', async () => {
  const path = join(folder(), 'notes');
  const memory = new Memory<Note>(path, { parse });
  await memory.add([{ n: 1 }]);
  expect(await memory.records()).toHaveLength(1);
  expect(await memory.records()).toBe(await memory.records());
  await new Memory<Note>(path, { parse }).add([{ n: 2 }]);
  expect(await memory.records()).toHaveLength(2);
});

test('skips lines that are not understood, and is not harmed by one that was cut off', async () => {
  const path = join(folder(), 'notes');
  writeFileSync(path, 'garbage\n[]\n{"n":1}\n{"n":');
  const memory = new Memory<Note>(path, { parse });
  await memory.add([{ n: 2 }]);
  expect(await memory.records()).toEqual([{ n: 1 }, { n: 2 }]);
});

test('forgets the older half when it has grown too large', async () => {
  const path = join(folder(), 'notes');
  const memory = new Memory<Note>(path, { parse, limit: 200 });
  for (let n = 10; n < 60; n += 1) await memory.add([{ n }]);
  const kept = await memory.records();
  expect(statSync(path).size).toBeLessThanOrEqual(220);
  expect(kept.at(-1)).toEqual({ n: 59 });
  expect(kept.length).toBeGreaterThan(5);
  expect(kept[0]?.n).toBeGreaterThan(10);
});

test('writes nothing when there is nothing to add', async () => {
  const path = join(folder(), 'notes');
  appendFileSync(path, '');
  await new Memory<Note>(path, { parse }).add([]);
  expect(readFileSync(path, 'utf8')).toBe('');
});
