import { expect, test } from 'vitest';
import { whenAborted } from '../../src/util/when-aborted.ts';

test('everybody who waits for a signal is called once, in order', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const first = (): void => void called.push('first');
  whenAborted(controller.signal, first);
  whenAborted(controller.signal, first);
  whenAborted(controller.signal, () => called.push('last'));
  expect(called).toEqual([]);
  controller.abort();
  controller.abort();
  expect(called).toEqual(['first', 'first', 'last']);
});

test('whoever took it back is not called, also when another call does that', () => {
  const controller = new AbortController();
  const called: string[] = [];
  const forget = whenAborted(controller.signal, () => called.push('taken back before'));
  whenAborted(controller.signal, () => later());
  const later = whenAborted(controller.signal, () => called.push('taken back meanwhile'));
  whenAborted(controller.signal, () => called.push('called'));
  forget();
  forget();
  controller.abort();
  expect(called).toEqual(['called']);
});

test('signals have nothing to do with each other', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  let calls = 0;
  whenAborted(one.signal, () => (calls += 1));
  other.abort();
  expect(calls).toBe(0);
});

test('a signal has one listener, however many wait, and none once nobody does', () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal) as (...all: unknown[]) => void;
  const remove = signal.removeEventListener.bind(signal) as (...all: unknown[]) => void;
  signal.addEventListener = (...args: unknown[]) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners -= 1;
    remove(...args);
  };
  for (const _round of [1, 2]) {
    const all = Array.from({ length: 100 }, () => whenAborted(signal, () => undefined));
    expect(listeners).toBe(1);
    for (const forget of all) forget();
    expect(listeners).toBe(0);
  }
});
