import { expect, test } from 'vitest';
import { DirectorySync } from '../../../src/server/disk/sync.ts';
import { newGate, type TestGate } from '../../helpers/gates.ts';

interface Recorder {
  readonly directories: DirectorySync;
  readonly calls: string[];
  readonly gates: TestGate[];
  /** Resolves when so many syncs have begun. */
  begun(count: number): Promise<void>;
}

function recorder(): Recorder {
  const calls: string[] = [];
  const gates: TestGate[] = [];
  const directories = new DirectorySync((path) => {
    calls.push(path);
    const gate = newGate();
    gates.push(gate);
    return gate.opened;
  });
  const begun = async (count: number): Promise<void> => {
    while (calls.length < count) await Promise.resolve();
  };
  return { directories, calls, gates, begun };
}

test('calls of one moment share one sync', async () => {
  const { directories, calls, gates, begun } = recorder();
  const all = Promise.all(Array.from({ length: 20 }, () => directories.sync('/a')));
  await begun(1);
  gates[0]?.open();
  await all;
  expect(calls).toEqual(['/a']);
});

test('who comes while one runs waits for the next, which all others share', async () => {
  const { directories, calls, gates, begun } = recorder();
  const first = directories.sync('/a');
  await begun(1);
  let late = 0;
  const others = Array.from({ length: 5 }, () => directories.sync('/a').then(() => (late += 1)));
  gates[0]?.open();
  await first;
  expect(late).toBe(0);
  await begun(2);
  gates[1]?.open();
  await Promise.all(others);
  expect(calls).toEqual(['/a', '/a']);
});

test('folders do not wait for each other', async () => {
  const { directories, calls, gates, begun } = recorder();
  void directories.sync('/a');
  const other = directories.sync('/b');
  await begun(2);
  gates[calls.indexOf('/b')]?.open();
  await other;
  expect(calls.toSorted()).toEqual(['/a', '/b']);
});

test('a failure is told to those who waited for it, and to nobody after them', async () => {
  const { directories, gates, begun } = recorder();
  const failing = [directories.sync('/a'), directories.sync('/a')];
  await begun(1);
  const later = directories.sync('/a');
  gates[0]?.fail(new Error('disk'));
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await begun(2);
  gates[1]?.open();
  await later;
});
