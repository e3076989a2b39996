import { describe, expect, test } from 'vitest';
import { plainView, silentView } from '../../../src/cli/output/plain.ts';
import type { TransferOptions } from '../../../src/cli/output/output.ts';
import type { TransferEvent } from '../../../src/transfer/events.ts';
import { finished, idOf, layer, progress, queued, retrying, started, waiting } from '../../helpers/transfers.ts';

const A = layer('a', 1_200_000);
const B = layer('b', 3_000_000);

interface Shown {
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

function show(events: readonly (TransferEvent | number)[], options: Partial<TransferOptions> = {}): Shown {
  const lines: string[] = [];
  const warnings: string[] = [];
  let now = 0;
  const view = plainView({
    direction: 'pull',
    ...options,
    now: () => now,
    write: (line) => lines.push(line),
    warn: (text) => warnings.push(text),
  });
  for (const event of events) {
    if (typeof event === 'number') now += event;
    else view.onEvent(event);
  }
  view.finish();
  view.finish();
  view.onEvent(queued(layer('late')));
  return { lines, warnings };
}

describe('pull', () => {
  test("tells layers in docker's words and what it saved", () => {
    const events = [queued(A), queued(B), finished(A, 'exists'), started(B), progress(B, 3_000_000), finished(B)];
    expect(show(events).lines).toEqual([
      `${idOf(A)}: Already exists`,
      `${idOf(B)}: Pulling fs layer`,
      `${idOf(B)}: Pull complete`,
      'downloaded 1 of 2 layers, 3MB; reused 1 layer, 1.2MB',
    ]);
  });

  test('tells where a layer is resumed', () => {
    expect(show([queued(B), started(B, 1_000_000), finished(B)]).lines).toEqual([
      `${idOf(B)}: Resuming after 1MB`,
      `${idOf(B)}: Pull complete`,
      'downloaded 1 of 1 layer, 2MB; resumed after 1MB',
    ]);
  });

  test('tells of a range of a layer no more than of the layer', () => {
    const lines = show([queued(B), started(B), started(B, 1_000_000), started(B, 2_000_000), finished(B)]).lines;
    expect(lines.filter((line) => line.includes('Pulling fs layer'))).toHaveLength(1);
    expect(lines.join()).not.toContain('Resuming');
  });

  test('says nothing of configs and manifests', () => {
    const config = queued(A, 'config');
    const manifest = finished(layer('m'), 'copied', { kind: 'manifest' });
    expect(show([config, started(A), finished(A, 'copied', { kind: 'config' }), manifest]).lines).toEqual([]);
  });
});

test("push tells layers in docker's words", () => {
  const C = layer('c', 500);
  const events = [queued(A), queued(B), queued(C), started(A), finished(A), finished(B, 'exists')];
  const mounted = finished(C, 'mounted', { mountedFrom: 'library/ubuntu' });
  expect(show([...events, mounted], { direction: 'push' }).lines).toEqual([
    `${idOf(A)}: Preparing`,
    `${idOf(B)}: Preparing`,
    `${idOf(C)}: Preparing`,
    `${idOf(A)}: Pushed`,
    `${idOf(B)}: Layer already exists`,
    `${idOf(C)}: Mounted from library/ubuntu`,
    'uploaded 1 of 3 layers, 1.2MB; mounted 1 layer, 500B; reused 1 layer, 3MB',
  ]);
});

test('copy has words of its own', () => {
  expect(show([queued(A), started(A), finished(A)], { direction: 'copy' }).lines).toEqual([
    `${idOf(A)}: Copying`,
    `${idOf(A)}: Copied`,
    'copied 1 of 1 layer, 1.2MB',
  ]);
});

test('a layer goes by the label it is given', () => {
  expect(show([queued(A), finished(A)], { label: () => 'diff-id' }).lines[0]).toBe('diff-id: Pull complete');
});

test('while bytes arrive there is a line about the whole every five seconds', () => {
  const events = [
    queued(A),
    queued(B),
    started(A),
    started(B),
    1000,
    progress(B, 1_000_000),
    3900,
    progress(B, 2_000_000),
  ];
  const { lines } = show([
    ...events,
    200,
    progress(B, 2_100_000),
    progress(B, 2_200_000),
    4000,
    progress(B, 2_500_000),
  ]);
  expect(lines.filter((line) => line.includes('%'))).toEqual(['0/2 layers  50%  2.1MB/4.2MB  268kB/s  8s left']);
});

test('waiting and retries are told', () => {
  const events = [
    queued(A),
    started(A),
    retrying(`https://r.example/v2/x/blobs/${A.digest}`),
    waiting(A, 'the registry'),
  ];
  expect(show(events).lines.slice(1, 3)).toEqual([
    `${idOf(A)}: Retrying in 5 seconds`,
    `${idOf(A)}: Waiting (the registry)`,
  ]);
  expect(show([retrying('https://r.example/token', 400)]).lines).toEqual(['Retrying in 1 second: connection reset']);
});

test('text from outside cannot act on the terminal', () => {
  const mounted = finished(A, 'mounted', { mountedFrom: 'a\u001B[2Jb' });
  expect(show([queued(A), mounted, waiting(B, 'x\ny')]).lines.join('|')).not.toMatch(/[\u001B\n]/);
});

test('warnings go to where warnings go', () => {
  expect(show([{ type: 'warning', message: 'careful' }])).toEqual({ lines: [], warnings: ['careful'] });
});

test('the silent view shows warnings only', () => {
  const warnings: string[] = [];
  const view = silentView({ warn: (text) => warnings.push(text) });
  for (const event of [queued(A), started(A), finished(A)]) view.onEvent(event);
  view.onEvent({ type: 'warning', message: 'careful' });
  view.finish();
  expect(warnings).toEqual(['careful']);
});
