// Every fault of the tables, with several numbers of workers, against the registry of our own and the one everybody runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { isLong } from '../helpers/random.ts';
import { startRealRegistry, type RealRegistry } from '../helpers/real-registry.ts';
import { publish, testImage, type TestImage } from './image.ts';
import { MORE_PULL_ROWS, MORE_PUSH_ROWS } from './more-rows.ts';
import { playPull, playPush, type Row } from './play.ts';
import { PULL_ROWS } from './pull-rows.ts';
import { PUSH_ROWS } from './push-rows.ts';

const MIB = 1024 * 1024;
const WORKERS = [1, 3, 8];

test('the tables have the 63 faults that clients are compared by, 48 of them to be survived', () => {
  const rows = [...PULL_ROWS, ...PUSH_ROWS];
  expect(new Set(rows.map(({ id }) => id)).size).toBe(63);
  expect(rows.filter(({ exit }) => exit === 0)).toHaveLength(48);
});

const real: RealRegistry | undefined = await startRealRegistry();
afterAll(() => real?.stop());

let own: RegistryServer;
const images = new Map<number, TestImage>();
const imageOf = ({ size = 3 * MIB }: Row): TestImage => {
  const image = images.get(size) ?? testImage(size);
  images.set(size, image);
  return image;
};

beforeAll(async () => {
  own = await serve();
  const sizes = new Map([...PULL_ROWS, ...MORE_PULL_ROWS].map((row) => [row.size, row]));
  for (const row of sizes.values()) {
    for (const host of real ? [own.host, real.host] : [own.host]) await publish(host, repositoryFor(row), imageOf(row));
  }
});
afterAll(() => own.close(0));

/** What a pull asks for; a push has a repository of its own. */
const repositoryFor = ({ size }: Row): string => (size === undefined ? 'app' : `app-${size}`);

const name = ({ id, fault, exit }: Row): string => `${id} ${fault}: ${exit === 0 ? 'survived' : `exit ${exit}`}`;

describe.each(WORKERS)('with %i workers', (workers) => {
  test.each(PULL_ROWS.map((row) => [name(row), row] as const))('pull %s', async (_, row) => {
    await playPull(row, { host: own.host, image: imageOf(row), workers }, repositoryFor(row));
  });

  test.each(PUSH_ROWS.map((row) => [name(row), row] as const))('push %s', async (_, row) => {
    const repository = `${row.id.toLowerCase()}-${workers}/app`;
    await playPush(row, { host: own.host, image: imageOf(row), workers }, repository);
  });
});

describe.skipIf(!real).each(isLong ? WORKERS : [3])('against docker-registry with %i workers', (workers) => {
  test.each(PULL_ROWS.filter(() => isLong).map((row) => [name(row), row] as const))('pull %s', async (_, row) => {
    await playPull(row, { host: real!.host, image: imageOf(row), workers }, repositoryFor(row));
  });

  test.each(PUSH_ROWS.map((row) => [name(row), row] as const))('push %s', async (_, row) => {
    const repository = `${row.id.toLowerCase()}-${workers}/app`;
    await playPush(row, { host: real!.host, image: imageOf(row), workers }, repository);
  });
});

describe.each(isLong ? WORKERS : [3])('of the same kinds, with %i workers', (workers) => {
  test.each(MORE_PULL_ROWS.map((row) => [name(row), row] as const))('pull %s', async (_, row) => {
    await playPull(row, { host: own.host, image: imageOf(row), workers }, repositoryFor(row));
  });

  test.each(MORE_PUSH_ROWS.map((row) => [name(row), row] as const))('push %s', async (_, row) => {
    const repository = `more/${row.id.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${workers}`;
    await playPush(row, { host: own.host, image: imageOf(row), workers }, repository);
  });
});
