import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveEndpoint } from '../../../src/endpoints/archive/archive.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { copy } from '../../../src/transfer/copy.ts';
import { testWorkshop, type TestWorkshop } from '../../helpers/archives.ts';
import { addImage } from '../../helpers/images.ts';

describe('an archive file as an endpoint', () => {
  let dir: string;
  let path: string;
  let workshop: TestWorkshop;
  let source: MemoryEndpoint;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-endpoint-'));
    path = join(dir, 'x.tar');
    workshop = await testWorkshop();
    source = new MemoryEndpoint();
  });
  afterEach(async () => {
    await rm(dir, { recursive: true });
    await workshop[Symbol.asyncDispose]();
  });
  const services = { store: async () => workshop };

  it('is created by writing, and read afterwards', async () => {
    const { descriptor } = addImage(source, { as: 'image' });
    {
      await using archive = new ArchiveEndpoint(path, services);
      await copy(source, archive, 'image', { as: 'docker.io/library/app:1' });
      await copy(source, archive, 'image', { as: 'docker.io/library/app:2' });
      await archive.commit();
    }
    await using archive = new ArchiveEndpoint(path, services);
    expect(await archive.resolve('docker.io/library/app:2')).toMatchObject({ digest: descriptor.digest });
    const names: string[] = [];
    for await (const name of archive.tags()) names.push(name);
    expect(names).toEqual(['docker.io/library/app:1', 'docker.io/library/app:2']);
    await copy(archive, new MemoryEndpoint(), 'docker.io/library/app:1');
  });

  it('touches nothing before the first question, and leaves nothing without commit', async () => {
    addImage(source, { as: 'image' });
    {
      await using archive = new ArchiveEndpoint(path, services);
      expect(await archive.has({ mediaType: 'x', digest: `sha256:${'0'.repeat(64)}`, size: 1 })).toBe(false);
      expect(await readdir(dir)).toEqual([]);
      await copy(source, archive, 'image', { as: '' });
    }
    expect(await readdir(dir)).toEqual([]);
  });

  it('is a stream when it is called -', async () => {
    addImage(source, { as: 'image' });
    const stdout = new PassThrough();
    const bytes = buffer(stdout);
    {
      await using archive = new ArchiveEndpoint('-', { ...services, stdout });
      await copy(source, archive, 'image', { as: 'docker.io/library/app:1' });
      await archive.commit();
    }
    stdout.end();
    await using archive = new ArchiveEndpoint('-', { ...services, stdin: Readable.from([await bytes]) });
    expect(await archive.resolve('')).toBeDefined();
    await using nothing = new ArchiveEndpoint('-', services);
    await expect(nothing.resolve('')).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('hands warnings on', async () => {
    const { dockerImage, oldDockerArchive } = await import('../../helpers/archives.ts');
    const { tarOf } = await import('../../helpers/images.ts');
    const bytes = tarOf(oldDockerArchive([{ image: dockerImage(), tags: ['Bad Name'] }]));
    const warnings: string[] = [];
    await using archive = new ArchiveEndpoint(await workshop.file('x.tar', bytes), {
      ...services,
      onWarning: (message) => warnings.push(message),
    });
    await archive.resolve('');
    expect(warnings).toEqual(['"Bad Name" in the archive is not a valid image name and is left out']);
  });

  it('says so when there is no such file', async () => {
    await using archive = new ArchiveEndpoint(path, services);
    await expect(archive.resolve('')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
