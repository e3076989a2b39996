import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../../../src/endpoints/store/store.ts';
import { shortDigest } from '../../../../src/spec/digest.ts';
import { runCli, type CliResult } from '../../../helpers/cli.ts';
import { folder } from '../../../helpers/folder.ts';
import { indexOf, newStore, put, putImage, type Image } from '../../../helpers/stores.ts';

const images = (store: Store, ...args: string[]): Promise<CliResult> =>
  runCli(['images', '--store', store.dir, ...args]);
const idOf = ({ config }: Image): string => shortDigest(config.descriptor.digest);

/** Old and new, one of them with two names, and one without a name. */
async function sample(): Promise<{ store: Store; old: Image; fresh: Image; nameless: Image }> {
  const store = await newStore();
  const old = await putImage(store, 'app:1', {
    layers: ['old'],
    created: '2001-01-01T00:00:00Z',
    labels: { tier: 'web' },
  });
  const fresh = await putImage(store, 'app:2', { layers: ['new'], created: '2002-01-01T00:00:00Z' });
  await store.setName(fresh.manifest.descriptor, 'localhost:5000/team/app:2');
  const nameless = await putImage(store, undefined, { layers: ['nameless'], created: '2003-01-01T00:00:00Z' });
  return { store, old, fresh, nameless };
}

test('prints the table of docker, newest first', async () => {
  const { store, old, fresh, nameless } = await sample();
  const { status, stdout } = await images(store);
  expect(status).toBe(0);
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
  expect(rows.map((row) => row.slice(0, 3))).toEqual([
    ['REPOSITORY', 'TAG', 'IMAGE ID'],
    ['<none>', '<none>', idOf(nameless)],
    ['app', '2', idOf(fresh)],
    ['localhost:5000/team/app', '2', idOf(fresh)],
    ['app', '1', idOf(old)],
    [''],
  ]);
  expect(rows[1]?.[3]).toMatch(/^\d+ years ago$/);
  expect(rows[1]?.[4]).toMatch(/^\d+B$/);
});

test('prints the header alone when there is nothing, and makes no store', async () => {
  const dir = join(folder(), 'store');
  const { stdout, status } = await runCli(['image', 'ls', '--store', dir]);
  expect(stdout).toBe('REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n');
  expect(status).toBe(0);
  expect(existsSync(dir)).toBe(false);
});

test('prints IDs only with -q, in full with --no-trunc', async () => {
  const { store, old, fresh, nameless } = await sample();
  expect((await images(store, '-q')).stdout).toBe(`${[nameless, fresh, fresh, old].map(idOf).join('\n')}\n`);
  expect((await images(store, '-q', '--no-trunc', 'app:1')).stdout).toBe(`${old.config.descriptor.digest}\n`);
});

test('shows digests of manifests with --digests', async () => {
  const { store, old } = await sample();
  const { stdout } = await images(store, '--digests', 'app:1');
  expect(stdout).toMatch(/^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE\n/);
  expect(stdout).toContain(old.manifest.descriptor.digest);
});

describe('what is listed', () => {
  const listed = async (...args: string[]): Promise<readonly string[]> => {
    const { store } = await sample();
    const { stdout } = await images(store, '--format', '{{.Repository}}:{{.Tag}}', ...args);
    return stdout.split('\n').slice(0, -1);
  };
  const [APP1, APP2, TEAM, NONE] = ['app:1', 'app:2', 'localhost:5000/team/app:2', '<none>:<none>'];

  test.each([
    [['app'], [APP2, APP1]],
    [['app:1'], [APP1]],
    [['ap*'], [APP2, APP1]],
    [['localhost:5000/*/app:2'], [TEAM]],
    [['nothing'], []],
    [['--filter', 'dangling=true'], [NONE]],
    [
      ['--filter', 'dangling=false'],
      [APP2, TEAM, APP1],
    ],
    [
      ['--filter', 'reference=app:1', '-f', 'reference=*/team/*'],
      [TEAM, APP1],
    ],
    [['--filter', 'label=tier'], [APP1]],
    [['--filter', 'label=tier=db'], []],
    [['--filter', 'before=app:2'], [APP1]],
    [
      ['--filter', 'since=app:1', '--filter', 'dangling=false'],
      [APP2, TEAM],
    ],
    [['-a'], [NONE, APP2, TEAM, APP1]],
  ])('%j gives %j', async (args, expected) => {
    expect(await listed(...args)).toEqual(expected);
  });

  test.each(['nope=1', 'dangling', 'dangling=maybe', 'until=soon'])('refuses the filter %j', async (filter) => {
    const { store } = await sample();
    const { status, stderr, stdout } = await images(store, '--filter', filter);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('filter');
  });

  test('needs the image to compare with', async () => {
    const { store } = await sample();
    expect((await images(store, '--filter', 'before=nope')).status).toBe(3);
  });
});

test('prints docker-style JSON lines with --format json', async () => {
  const { store, old } = await sample();
  const { stdout } = await images(store, '--format', 'json', 'app:1');
  expect(JSON.parse(stdout)).toEqual({
    Containers: 'N/A',
    CreatedAt: '2001-01-01 00:00:00 +0000 UTC',
    CreatedSince: expect.stringMatching(/years ago$/) as string,
    Digest: old.manifest.descriptor.digest,
    ID: idOf(old),
    Repository: 'app',
    SharedSize: 'N/A',
    Size: expect.stringMatching(/B$/) as string,
    Tag: '1',
    UniqueSize: 'N/A',
    VirtualSize: expect.stringMatching(/B$/) as string,
  });
});

test('prints one array of objects with --json', async () => {
  const { store, old } = await sample();
  const { stdout } = await images(store, '--json', 'app:1');
  const size = [old.config, ...old.layers].reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(JSON.parse(stdout)).toEqual([
    {
      name: 'docker.io/library/app:1',
      repository: 'app',
      tag: '1',
      id: old.config.descriptor.digest,
      digest: old.manifest.descriptor.digest,
      mediaType: old.manifest.descriptor.mediaType,
      created: '2001-01-01T00:00:00Z',
      size,
      platforms: [
        {
          platform: 'linux/amd64',
          digest: old.manifest.descriptor.digest,
          id: old.config.descriptor.digest,
          created: '2001-01-01T00:00:00Z',
          size,
          present: true,
        },
      ],
    },
  ]);
});

describe('--tree', () => {
  test('shows the platforms, and which of them are not here', async () => {
    const store = await newStore();
    const { index, images: parts } = indexOf();
    await put(store, [...parts[0]!.blobs, index], 'multi');
    const { stdout } = await images(store, '--tree');
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(rows.map(([label, id]) => [label, id])).toEqual([
      ['IMAGE', 'IMAGE ID'],
      ['multi:latest', idOf(parts[0]!)],
      ['├─ linux/amd64', idOf(parts[0]!)],
      ['└─ linux/arm64', '-'],
      ['', undefined],
    ]);
    expect(rows[3]?.at(-1)).toBe('not pulled');
  });

  test.each([['-q'], ['--no-trunc'], ['--format', 'json']])('is refused with %j', async (...args) => {
    const { store } = await sample();
    expect((await images(store, '--tree', ...args)).status).toBe(2);
  });
});

test('a name from another tool cannot act on the terminal', async () => {
  const store = await newStore();
  const image = await putImage(store, 'a', { created: '\u001B[31m' });
  const { stdout } = await images(store);
  expect(stdout).not.toContain('\u001B');
  expect(stdout).toContain(idOf(image));
});
