import { expect, test } from 'vitest';
import { Gate, Turns } from '../../src/server/turns.ts';
import { newGate } from '../helpers/gates.ts';

test('work of one key runs one after the other, in the order of the calls', async () => {
  const turns = new Turns();
  const gate = newGate();
  const order: string[] = [];
  const first = turns.take('a', async () => {
    order.push('first begins');
    await gate.opened;
    order.push('first ends');
  });
  const others = ['second', 'third'].map((name) => turns.take('a', async () => order.push(name)));
  await turns.take('b', async () => order.push('another key'));
  expect(order).toEqual(['first begins', 'another key']);
  gate.open();
  await Promise.all([first, ...others]);
  expect(order).toEqual(['first begins', 'another key', 'first ends', 'second', 'third']);
});

test('a failure concerns its caller alone', async () => {
  const turns = new Turns();
  const failing = turns.take('a', () => Promise.reject(new Error('mine')));
  const next = turns.take('a', async () => 'fine');
  await expect(failing).rejects.toThrow('mine');
  expect(await next).toBe('fine');
});

test('a gate lets so many through at once and the others in order', async () => {
  const gate = new Gate(2);
  const holds = Array.from({ length: 4 }, newGate);
  const begun: number[] = [];
  const all = holds.map((hold, at) =>
    gate.run(async () => {
      begun.push(at);
      await hold.opened;
    }),
  );
  expect(begun).toEqual([0, 1]);
  holds[1]?.open();
  await all[1];
  expect(begun).toEqual([0, 1, 2]);
  for (const hold of holds) hold.open();
  await Promise.all(all);
  expect(begun).toEqual([0, 1, 2, 3]);
});

test('work that fails leaves its place in a gate', async () => {
  const gate = new Gate(1);
  await expect(gate.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  expect(await gate.run(async () => 'fine')).toBe('fine');
});
