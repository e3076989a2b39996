import { expect, test } from 'vitest';
import { jsonView } from '../../../src/cli/output/json.ts';
import type { TransferEvent } from '../../../src/transfer/events.ts';
import { finished, layer, progress, queued, REFERENCE, started } from '../../helpers/transfers.ts';

const A = layer('a', 1000);

function show(events: readonly (TransferEvent | number)[]): readonly Record<string, unknown>[] {
  const lines: string[] = [];
  let now = 0;
  const view = jsonView({
    direction: 'push',
    now: () => now,
    write: (line) => lines.push(line),
    warn: () => undefined,
  });
  for (const event of events) {
    if (typeof event === 'number') now += event;
    else view.onEvent(event);
  }
  view.finish();
  view.finish();
  view.onEvent(queued(A));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('every event is an object with a version and its type', () => {
  const shown = show([queued(A), started(A), finished(A), { type: 'warning', message: 'x' }]);
  expect(shown.map(({ version, type }) => `${String(version)} ${String(type)}`)).toEqual([
    '1 queued',
    '1 started',
    '1 finished',
    '1 warning',
    '1 summary',
  ]);
  expect(shown[2]).toEqual({
    version: 1,
    type: 'finished',
    reference: REFERENCE,
    descriptor: A,
    kind: 'layer',
    outcome: 'copied',
  });
});

test('a descriptor is told without its annotations and data', () => {
  const [first] = show([queued({ ...A, annotations: { a: 'b' }, data: 'AAAA' })]);
  expect(first?.['descriptor']).toEqual({ mediaType: A.mediaType, digest: A.digest, size: 1000 });
});

test('progress is told twice a second at most, and when it is complete', () => {
  const steps = [progress(A, 1), 100, progress(A, 2), 500, progress(A, 3), progress(A, 4), progress(A, 1000)];
  const bytes = show([queued(A), started(A), ...steps])
    .filter(({ type }) => type === 'progress')
    .map((event) => event['bytes']);
  expect(bytes).toEqual([1, 3, 1000]);
});

test('the last line is the summary', () => {
  expect(show([queued(A), started(A, 400), finished(A)]).at(-1)).toEqual({
    version: 1,
    type: 'summary',
    direction: 'push',
    layers: 1,
    copied: { layers: 1, bytes: 1000 },
    mounted: { layers: 0, bytes: 0 },
    existing: { layers: 0, bytes: 0 },
    resumedBytes: 400,
  });
});
