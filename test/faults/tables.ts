// Where are the rows of the tables played: which registry, which images, how many workers?
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { isLong } from '../helpers/random.ts';
import { publish, testImage, type TestImage } from './image.ts';
import { playPull, playPush, type Row } from './play.ts';

const MIB = 1024 * 1024;
export const WORKERS: readonly number[] = [1, 3, 8];
/** Of what is played with every number of workers by hand only. */
export const FEW_WORKERS: readonly number[] = isLong ? WORKERS : [3];

const images = new Map<number, TestImage>();

function imageOf({ size = 3 * MIB }: Row): TestImage {
  const image = images.get(size) ?? testImage(size);
  images.set(size, image);
  return image;
}

/** What a pull asks for; a push has a repository of its own. */
const repositoryFor = ({ size }: Row): string => (size === undefined ? 'app' : `app-${size}`);

/** Arguments of `test.each`: the name of a row, and the row. */
export function named(rows: readonly Row[]): readonly (readonly [name: string, row: Row])[] {
  return rows.map((row) => [`${row.id} ${row.fault}: ${row.exit === 0 ? 'survived' : `exit ${row.exit}`}`, row]);
}

/** A registry of our own that has what the rows pull. */
export async function ownRegistry(rows: readonly Row[] = []): Promise<RegistryServer> {
  const own = await serve();
  await publishFor(own.host, rows);
  return own;
}

export async function publishFor(host: string, rows: readonly Row[]): Promise<void> {
  const sizes = new Map(rows.map((row) => [row.size, row]));
  for (const row of sizes.values()) await publish(host, repositoryFor(row), imageOf(row));
}

export function pull(row: Row, host: string, workers: number): Promise<void> {
  return playPull(row, { host, image: imageOf(row), workers }, repositoryFor(row));
}

export function pullFromAfar(row: Row, host: string, workers: number): Promise<void> {
  return playPull(row, { host, image: imageOf(row), workers, isFar: true }, repositoryFor(row));
}

export function push(row: Row, host: string, workers: number): Promise<void> {
  const repository = `${row.id.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${workers}/app`;
  return playPush(row, { host, image: imageOf(row), workers }, repository);
}
