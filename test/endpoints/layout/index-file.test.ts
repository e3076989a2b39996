import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addEntry, prepareLayout, readEntries } from '../../../src/endpoints/layout/index-file.ts';
import type { Descriptor } from '../../../src/spec/descriptor.ts';
import { digestOf } from '../../../src/spec/digest.ts';

const descriptor = (text: string, more: Partial<Descriptor> = {}): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(text),
  size: text.length,
  ...more,
});

describe('index.json of a layout', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-index-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const text = (): Promise<string> => readFile(join(dir, 'index.json'), 'utf8');

  it('is not there in other directories', async () => {
    expect(await readEntries(dir)).toBeUndefined();
    expect(await readEntries(join(dir, 'none'))).toBeUndefined();
    await writeFile(join(dir, 'file'), '');
    expect(await readEntries(join(dir, 'file'))).toBeUndefined();
  });

  it('gets entries with platform and other annotations', async () => {
    await addEntry(
      dir,
      descriptor('a', { platform: { os: 'linux', architecture: 'arm64' }, annotations: { kept: 'x' } }),
      { name: '1' },
    );
    expect(await readEntries(dir)).toMatchObject([
      { digest: digestOf('a'), platform: { os: 'linux', architecture: 'arm64' }, annotations: { kept: 'x' } },
    ]);
  });

  it('moves a name, and keeps the other entries as they are', async () => {
    await writeFile(join(dir, 'index.json'), '{"schemaVersion":2,"manifests":[{"odd":1},"odd"],"x":1}');
    await addEntry(dir, descriptor('a'), { name: '1' });
    await addEntry(dir, descriptor('b'), { name: '1' });
    const index = JSON.parse(await text()) as { manifests: { digest?: string }[]; x: number };
    expect(index.manifests.slice(0, 2)).toEqual([{ odd: 1 }, 'odd']);
    expect(index.manifests.slice(2).map(({ digest }) => digest)).toEqual([digestOf('b')]);
    expect(index.x).toBe(1);
  });

  it('does not list content twice that has no name', async () => {
    await addEntry(dir, descriptor('a'), { name: digestOf('a') });
    const first = await text();
    await addEntry(dir, descriptor('a'), { name: digestOf('a') });
    expect(await text()).toBe(first);
    await addEntry(dir, descriptor('a'), { name: '1' });
    await addEntry(dir, descriptor('a'), { name: digestOf('a') });
    expect(await readEntries(dir)).toHaveLength(1);
  });

  it('with entries that are no descriptors is an error', async () => {
    await writeFile(join(dir, 'index.json'), '{"manifests":[{"mediaType":"x"}]}');
    await expect(readEntries(dir)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('comes with a file that says what it is', async () => {
    await prepareLayout(join(dir, 'new'));
    expect(await readFile(join(dir, 'new', 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0","mine":1}');
    await prepareLayout(dir);
    expect(await readFile(join(dir, 'oci-layout'), 'utf8')).toContain('mine');
    await writeFile(join(dir, 'file'), '');
    await expect(prepareLayout(join(dir, 'file'))).rejects.toMatchObject({ code: 'STORAGE' });
  });
});
