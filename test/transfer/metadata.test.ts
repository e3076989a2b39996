import { describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { HubError } from '../../src/errors.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MANIFEST_LIMIT } from '../../src/spec/manifest.ts';
import { Limiter } from '../../src/transfer/limit.ts';
import { Metadata } from '../../src/transfer/metadata.ts';
import { contentOf } from '../../src/util/content.ts';

const TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** An endpoint that notes what is read, and fails or lies at the first read when it is told to. */
class Watched extends MemoryEndpoint {
  readonly reads: string[] = [];
  firstAnswer: (() => ReturnType<typeof contentOf>) | undefined;

  override async read(descriptor: Descriptor) {
    this.reads.push(descriptor.digest);
    const answer = this.firstAnswer;
    this.firstAnswer = undefined;
    return answer ? answer() : super.read(descriptor);
  }
}

/** The metadata of a copy from one watched endpoint to another. */
function begin() {
  const [from, to] = [new Watched('from'), new Watched('to')];
  const metadata = new Metadata({ from, to, limiter: new Limiter(), signal: new AbortController().signal });
  return { from, to, metadata };
}

describe('a manifest', () => {
  it('is read once, however often it is asked for', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('{}', TYPE);
    const both = await Promise.all([metadata.manifest(descriptor), metadata.manifest(descriptor)]);
    expect(both.map(String)).toEqual(['{}', '{}']);
    expect(from.reads).toEqual([descriptor.digest]);
  });

  it('comes from the sink when that has it', async () => {
    const { from, to, metadata } = begin();
    const descriptor = to.add('{}', TYPE);
    expect(String(await metadata.manifest(descriptor))).toBe('{}');
    expect(from.reads).toEqual([]);
  });

  it('comes from the source when the sink has it damaged', async () => {
    const { from, to, metadata } = begin();
    const descriptor = from.add('{}', TYPE);
    to.add('{}', TYPE);
    to.firstAnswer = () => contentOf(Buffer.from('[]'));
    expect(String(await metadata.manifest(descriptor))).toBe('{}');
    expect(from.reads).toEqual([descriptor.digest]);
  });

  it('that was given is never asked for', async () => {
    const { from, metadata } = begin();
    const descriptor = new MemoryEndpoint().add('{}', TYPE);
    metadata.provide(descriptor, Buffer.from('{}'));
    expect(String(await metadata.manifest(descriptor))).toBe('{}');
    expect(from.reads).toEqual([]);
  });

  it('larger than manifests may be is refused before it is read', async () => {
    const { from, metadata } = begin();
    const descriptor = { ...from.add('{}', TYPE), size: MANIFEST_LIMIT + 1 };
    await expect(metadata.manifest(descriptor)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
    expect(from.reads).toEqual([]);
  });

  it('that could not be read is asked for again', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('{}', TYPE);
    from.remove(descriptor.digest);
    expect(await metadata.has(descriptor)).toBe(false);
    from.add('{}', TYPE);
    expect(await metadata.has(descriptor)).toBe(true);
  });

  it('of a source that fails is not taken for absent', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('{}', TYPE);
    from.firstAnswer = () => {
      throw new HubError('DENIED', 'no');
    };
    await expect(metadata.has(descriptor)).rejects.toMatchObject({ code: 'DENIED' });
  });
});

describe('a small blob', () => {
  it('is known once it was asked for', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('config', 'x/y');
    expect(metadata.known(descriptor)).toBeUndefined();
    await metadata.blob(descriptor);
    expect(String(await metadata.known(descriptor))).toBe('config');
    expect(from.reads).toEqual([descriptor.digest]);
  });

  it('that arrives damaged is fetched once more', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('config', 'x/y');
    from.firstAnswer = () => contentOf(Buffer.from('damage'));
    expect(String(await metadata.blob(descriptor))).toBe('config');
    expect(from.reads).toHaveLength(2);
  });

  it('that could not be read is not known', async () => {
    const { from, metadata } = begin();
    const descriptor = from.add('config', 'x/y');
    from.remove(descriptor.digest);
    await expect(metadata.blob(descriptor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(metadata.known(descriptor)).toBeUndefined();
  });
});
