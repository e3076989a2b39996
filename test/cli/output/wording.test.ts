import { describe, expect, test } from 'vitest';
import { Board, type Piece } from '../../../src/cli/output/board.ts';
import { stateOf, summaryOf, toneOf, totalLine } from '../../../src/cli/output/wording.ts';
import type { TransferEvent } from '../../../src/transfer/events.ts';
import { finished, layer, progress, queued, retrying, started, waiting } from '../../helpers/transfers.ts';

const A = layer('a', 1000);

function piece(events: readonly TransferEvent[]): Piece {
  const board = new Board();
  for (const event of events) board.apply(event, 0);
  const [first] = board.pieces;
  if (!first) throw new Error('no piece');
  return first;
}

describe('stateOf', () => {
  test.each([
    ['pull', [queued(A)], 'Pulling fs layer'],
    ['pull', [queued(A), started(A)], 'Downloading'],
    ['pull', [queued(A), started(A), progress(A, 1000)], 'Verifying Checksum'],
    ['pull', [queued(A), waiting(A, '')], 'Waiting'],
    ['pull', [queued(A), waiting(A, 'another process')], 'Waiting (another process)'],
    ['pull', [queued(A), retrying(A.digest, 1000)], 'Retrying in 1 second'],
    ['pull', [finished(A)], 'Pull complete'],
    ['pull', [finished(A, 'exists')], 'Already exists'],
    ['push', [queued(A)], 'Preparing'],
    ['push', [queued(A), started(A)], 'Pushing'],
    ['push', [finished(A)], 'Pushed'],
    ['push', [finished(A, 'exists')], 'Layer already exists'],
    ['push', [finished(A, 'mounted')], 'Mounted'],
    ['push', [finished(A, 'mounted', { mountedFrom: 'library/ubuntu' })], 'Mounted from library/ubuntu'],
    ['copy', [queued(A)], 'Waiting'],
    ['copy', [queued(A), started(A)], 'Copying'],
    ['copy', [finished(A)], 'Copied'],
  ] as const)('%s %# is %s', (direction, events, state) => {
    expect(stateOf(piece(events), direction)).toBe(state);
  });
});

test('tones tell new from old, and trouble', () => {
  expect(toneOf(piece([finished(A)]))).toBe('good');
  expect(toneOf(piece([finished(A, 'exists')]))).toBe('quiet');
  expect(toneOf(piece([queued(A), retrying(A.digest)]))).toBe('caution');
  expect(toneOf(piece([queued(A)]))).toBeUndefined();
});

test('there is no summary of no layers', () => {
  expect(summaryOf(new Board().totals(0), 'pull')).toBeUndefined();
});

test('the total of nothing to move is complete', () => {
  const board = new Board();
  board.apply(finished(A, 'exists'), 0);
  expect(totalLine(board.totals(0))).toBe('1/1 layer  100%  0B/0B');
});
