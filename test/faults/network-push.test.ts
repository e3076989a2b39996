// Every fault of a push, with several numbers of workers, against the registry of our own and the one everybody runs.
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { RegistryServer } from '../../src/server/serve.ts';
import { startRealRegistry, type RealRegistry } from '../helpers/real-registry.ts';
import { PUSH_ROWS } from './push-rows.ts';
import { FEW_WORKERS, named, ownRegistry, push, WORKERS } from './tables.ts';

const real: RealRegistry | undefined = await startRealRegistry();
afterAll(() => real?.stop());

let own: RegistryServer;
beforeAll(async () => {
  own = await ownRegistry();
});
afterAll(() => own.close(0));

describe.each(WORKERS)('with %i workers', (workers) => {
  test.each(named(PUSH_ROWS))('push %s', async (_, row) => push(row, own.host, workers));
});

describe.skipIf(!real).each(FEW_WORKERS)('against docker-registry with %i workers', (workers) => {
  test.each(named(PUSH_ROWS))('push %s', async (_, row) => push(row, real!.host, workers));
});
