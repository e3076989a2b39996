// Every fault of a pull, with several numbers of workers, against the registry of our own and the one everybody runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RegistryServer } from '../../src/server/serve.ts';
import { isLong } from '../helpers/random.ts';
import { startRealRegistry, type RealRegistry } from '../helpers/real-registry.ts';
import { PULL_ROWS } from './pull-rows.ts';
import { PUSH_ROWS } from './push-rows.ts';
import { named, ownRegistry, publishFor, pull, pullFromAfar, WORKERS } from './tables.ts';

test('the tables have the 63 faults that clients are compared by, 48 of them to be survived', () => {
  const rows = [...PULL_ROWS, ...PUSH_ROWS];
  expect(new Set(rows.map(({ id }) => id)).size).toBe(63);
  expect(rows.filter(({ exit }) => exit === 0)).toHaveLength(48);
});

const real: RealRegistry | undefined = isLong ? await startRealRegistry() : undefined;
afterAll(() => real?.stop());

let own: RegistryServer;
beforeAll(async () => {
  own = await ownRegistry(PULL_ROWS);
  if (real) await publishFor(real.host, PULL_ROWS);
});
afterAll(() => own.close(0));

describe.each(WORKERS)('with %i workers', (workers) => {
  test.each(named(PULL_ROWS))('pull %s', async (_, row) => pull(row, own.host, workers));
});

describe('in pieces, with 8 workers', () => {
  const rows = PULL_ROWS.filter((row) => !row.whole);
  test.each(named(rows))('pull %s', async (_, row) => pullFromAfar(row, own.host, 8));
});

describe.runIf(real).each(WORKERS)('against docker-registry with %i workers', (workers) => {
  test.each(named(PULL_ROWS))('pull %s', async (_, row) => pull(row, real!.host, workers));
});
