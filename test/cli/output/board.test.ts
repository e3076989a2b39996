import { describe, expect, test } from 'vitest';
import { Board, bytesOf, isLayer, resumedBytes, type Piece } from '../../../src/cli/output/board.ts';
import type { TransferEvent } from '../../../src/transfer/events.ts';
import { finished, layer, progress, queued, REFERENCE, retrying, started, waiting } from '../../helpers/transfers.ts';

const A = layer('a', 1000);
const B = layer('b', 3000);

function after(events: readonly TransferEvent[]): { board: Board; pieces: readonly Piece[] } {
  const board = new Board();
  for (const event of events) board.apply(event, 0);
  return { board, pieces: [...board.pieces] };
}

function only(events: readonly TransferEvent[]): Piece {
  const [piece] = after(events).pieces;
  if (!piece) throw new Error('no piece');
  return piece;
}

describe('one piece', () => {
  test('passes through its phases', () => {
    const events = [queued(A), started(A), progress(A, 500), finished(A)];
    expect(events.map((_event, index) => only(events.slice(0, index + 1)).phase)).toEqual([
      'queued',
      'moving',
      'moving',
      'finished',
    ]);
  });

  test('counts bytes as the position of its reader', () => {
    expect(bytesOf(only([queued(A), started(A), progress(A, 300), progress(A, 700)]))).toBe(700);
  });

  test('that is resumed has the bytes from before', () => {
    const piece = only([queued(A), started(A, 400), progress(A, 700)]);
    expect([bytesOf(piece), resumedBytes(piece)]).toEqual([700, 400]);
  });

  test('that is read in several ranges at once counts all of them', () => {
    const events = [queued(B), started(B), started(B, 1000), started(B, 2000)];
    const piece = only([...events, progress(B, 100), progress(B, 2500), progress(B, 1300), progress(B, 200)]);
    expect([bytesOf(piece), resumedBytes(piece)]).toEqual([1000, 0]);
  });

  test('that is read once more starts from nothing', () => {
    expect(bytesOf(only([queued(A), started(A), progress(A, 1000), started(A), progress(A, 10)]))).toBe(10);
  });

  test('waits and retries with the reason', () => {
    expect(only([queued(A), waiting(A, 'the registry')])).toMatchObject({ phase: 'waiting', remark: 'the registry' });
    const url = `https://r.example/v2/app/blobs/${A.digest}`;
    expect(only([queued(A), started(A), retrying(url, 4600)])).toMatchObject({ phase: 'retrying', remark: '5' });
  });

  test('is moving again once bytes arrive', () => {
    expect(only([queued(A), started(A), retrying(A.digest), progress(A, 5)]).phase).toBe('moving');
  });
});

test('a layer named twice is queued once', () => {
  const board = new Board();
  expect(board.apply(queued(A), 0)?.type).toBe('queued');
  expect(board.apply(queued(A), 0)).toBeUndefined();
});

test('the same layer of another reference is a piece of its own', () => {
  expect(after([queued(A), { ...queued(A), reference: 'other' } as TransferEvent]).pieces).toHaveLength(2);
});

test('events about the whole change no piece', () => {
  const board = new Board();
  const events: TransferEvent[] = [
    { type: 'resolved', reference: REFERENCE, descriptor: A },
    { type: 'named', reference: REFERENCE, descriptor: A },
    { type: 'warning', message: 'x' },
    retrying('https://r.example/token'),
  ];
  expect(events.map((event) => board.apply(event, 0))).toEqual([undefined, undefined, undefined, undefined]);
});

test('manifests and configs are no layers', () => {
  const pieces = after([started(A), queued(B, 'config')]).pieces;
  expect(pieces.map((piece) => isLayer(piece))).toEqual([false, false]);
});

describe('totals', () => {
  const C = layer('c', 500);

  test('count layers by their outcome', () => {
    const events = [
      queued(A),
      queued(B),
      queued(C),
      started(A, 200),
      finished(A),
      finished(B, 'exists'),
      finished(C, 'mounted'),
    ];
    expect(after(events).board.totals(0)).toMatchObject({
      pieces: 3,
      finished: 3,
      copied: { pieces: 1, bytes: 1000 },
      existing: { pieces: 1, bytes: 3000 },
      mounted: { pieces: 1, bytes: 500 },
      resumed: 200,
    });
  });

  test('what need not be moved is not part of the size', () => {
    const events = [queued(A), queued(B), finished(B, 'exists'), started(A), progress(A, 250)];
    expect(after(events).board.totals(0)).toMatchObject({ size: 1000, moved: 250 });
  });

  test('tell rate and time left', () => {
    const board = new Board();
    board.apply(queued(A), 0);
    board.apply(started(A), 0);
    board.apply(progress(A, 500), 1000);
    expect(board.totals(1000)).toMatchObject({ perSecond: 500, eta: 1 });
  });
});
