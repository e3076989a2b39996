import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Spans } from '../../../src/endpoints/store/spans.ts';

const SIZE = 40;
const span = fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

describe('spans', () => {
  test('hold exactly what was added and not removed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), span), { maxLength: 20 }), (steps) => {
        const spans = new Spans();
        const bytes = new Set<number>();
        for (const [isAdded, { start, end }] of steps) {
          if (isAdded) spans.add({ start, end });
          else spans.remove({ start, end });
          for (let byte = start; byte < end; byte += 1) {
            if (isAdded) bytes.add(byte);
            else bytes.delete(byte);
          }
        }
        const missing = Array.from({ length: SIZE }, (_, byte) => byte).filter((byte) => !bytes.has(byte));
        expect(spans.total).toBe(bytes.size);
        expect(spans.prefix).toBe(missing[0] ?? SIZE);
        const gap = spans.gap(SIZE);
        expect(gap?.start).toBe(missing[0]);
        if (gap)
          expect(missing.slice(0, gap.end - gap.start)).toEqual(
            Array.from({ length: gap.end - gap.start }, (_, index) => gap.start + index),
          );
        if (gap) expect(gap.end === SIZE || bytes.has(gap.end)).toBe(true);
      }),
    );
  });

  test('are as few as can be', () => {
    const spans = new Spans();
    for (const start of [0, 20, 10]) spans.add({ start, end: start + 10 });
    expect([...spans]).toEqual([{ start: 0, end: 30 }]);
  });
});
