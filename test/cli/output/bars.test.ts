import { expect, test } from 'vitest';
import { barLines, numbersOf } from '../../../src/cli/output/bars.ts';
import { Board } from '../../../src/cli/output/board.ts';
import { layer, progress, queued, started } from '../../helpers/transfers.ts';

const A = layer('a', 3_000_000);

function lines(columns: number, bytes: number): readonly string[] {
  const board = new Board();
  for (const event of [queued(A), started(A), progress(A, bytes)]) board.apply(event, 0);
  return barLines(board, { direction: 'pull', label: () => 'id', columns, rows: 5, now: 1000 });
}

test('the bar takes the room that is left, up to fifty columns', () => {
  expect(lines(200, 1_500_000)).toEqual([
    `id: Downloading [${'='.repeat(25)}>${' '.repeat(24)}]  1.5MB/3MB  1.5MB/s  1s`,
  ]);
  expect(lines(85, 1_500_000)).toEqual([
    `id: Downloading [${'='.repeat(10)}>${' '.repeat(9)}]  1.5MB/3MB  1.5MB/s  1s`,
  ]);
});

test('a narrow terminal has no bar', () => {
  expect(lines(60, 1_500_000)).toEqual(['id: Downloading  1.5MB/3MB  1.5MB/s  1s']);
});

test('a bar that is nearly full still ends in an arrow, a full one does not', () => {
  expect(lines(200, 2_999_999)[0]).toContain(`[${'='.repeat(49)}>]`);
  expect(lines(200, 3_000_000)[0]).toContain(`[${'='.repeat(50)}]`);
});

test('numbers have four digits', () => {
  const board = new Board();
  for (const event of [queued(A), started(A), progress(A, 36_450)]) board.apply(event, 0);
  const [piece] = board.pieces;
  expect(piece && numbersOf(piece)).toBe('36.45kB/3MB');
});
