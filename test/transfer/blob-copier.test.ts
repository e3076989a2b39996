import { describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { BlobCopier } from '../../src/transfer/blob-copier.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import { Limiter } from '../../src/transfer/limit.ts';
import type { CopyOptions } from '../../src/transfer/options.ts';
import { collect, contentOf } from '../../src/util/content.ts';

const TYPE = MEDIA_TYPES.ociLayerGzip;
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

/** A source whose first answers are damaged. */
class Damaging extends MemoryEndpoint {
  damaged = 0;

  override async read(descriptor: Descriptor) {
    this.damaged -= 1;
    return this.damaged < 0 ? super.read(descriptor) : contentOf(Buffer.alloc(descriptor.size, '?'));
  }
}

/** A sink that must have everything it names, as registries must. */
class Whole extends MemoryEndpoint {
  override readonly sparse = false as unknown as true;
}

interface Given {
  readonly options?: Pick<CopyOptions, 'mountFrom'>;
  readonly to?: MemoryEndpoint;
  readonly known?: Buffer;
}

/** A copier of blobs, with the events that it told. */
function begin({ options, to = new MemoryEndpoint('to'), known }: Given = {}) {
  const from = new Damaging('from');
  const events: TransferEvent[] = [];
  const copier = new BlobCopier(
    {
      from,
      to,
      limiter: new Limiter(),
      label: 'app:1',
      signal: new AbortController().signal,
      options: { ...options, onEvent: (event) => events.push(event) },
    },
    { known: () => known && Promise.resolve(known) },
  );
  return { from, to, events, copier };
}

const told = (events: readonly TransferEvent[]): string[] => events.map(({ type }) => type);

describe('a blob', () => {
  it('is written to the sink, and told about while it moves', async () => {
    const { from, to, events, copier } = begin();
    const blob = from.add('layer', TYPE);
    expect(await copier.copy(blob, false)).toEqual({ outcome: 'copied' });
    expect(String(await collect(await to.read(blob), 100))).toBe('layer');
    expect(told(events)).toEqual(['started', 'progress']);
  });

  it('that the sink has is not read', async () => {
    const { from, to, events, copier } = begin();
    const blob = to.add('layer', TYPE);
    from.damaged = 1;
    expect(await copier.copy(blob, false)).toEqual({ outcome: 'exists' });
    expect([from.damaged, events]).toEqual([1, []]);
  });

  it('that the sink is not believed to have is written all the same', async () => {
    const { from, to, copier } = begin();
    const blob = from.add('layer', TYPE);
    to.add('layer', TYPE);
    expect(await copier.copy(blob, true)).toEqual({ outcome: 'copied' });
  });

  it('that was read before is not asked for again', async () => {
    const { from, to, copier } = begin({ known: Buffer.from('config') });
    const blob = { mediaType: TYPE, digest: digestOf('config'), size: 6 };
    from.damaged = 1;
    await copier.copy(blob, false);
    expect([await to.has(blob), from.damaged]).toEqual([true, 1]);
  });

  it('that arrives damaged is fetched once more, with a warning', async () => {
    const { from, to, events, copier } = begin();
    const blob = from.add('layer', TYPE);
    from.damaged = 1;
    expect(await copier.copy(blob, false)).toEqual({ outcome: 'copied' });
    expect(await to.has(blob)).toBe(true);
    expect(events).toContainEqual({
      type: 'warning',
      message: `${blob.digest} arrived damaged; fetching it once more`,
    });
  });

  it('that arrives damaged twice is given up', async () => {
    const { from, to, copier } = begin();
    const blob = from.add('layer', TYPE);
    from.damaged = 2;
    await expect(copier.copy(blob, false)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: expect.stringContaining('twice'),
    });
    expect(await to.has(blob)).toBe(false);
  });

  it('is offered to the sink with the repositories that may lend it', async () => {
    const seen: unknown[] = [];
    class Mounting extends MemoryEndpoint {
      override async write(...[, , options]: Parameters<MemoryEndpoint['write']>) {
        seen.push(options?.mountFrom);
        return { outcome: 'mounted' as const, mountedFrom: 'base' };
      }
    }
    const { from, copier } = begin({ options: { mountFrom: async () => ['base'] }, to: new Mounting('to') });
    expect(await copier.copy(from.add('layer', TYPE), false)).toEqual({ outcome: 'mounted', mountedFrom: 'base' });
    expect(seen).toEqual([['base']]);
  });
});

describe('a layer that may not be distributed', () => {
  it('stays away from a registry', async () => {
    const { from, to, events, copier } = begin({ to: new Whole('to') });
    const blob = from.add('layer', FOREIGN);
    expect(await copier.copy(blob, false)).toBeUndefined();
    expect([await to.has(blob), told(events)]).toEqual([false, ['warning']]);
  });

  it('comes to a store', async () => {
    const { from, to, copier } = begin();
    const blob = from.add('layer', FOREIGN);
    expect(await copier.copy(blob, false)).toEqual({ outcome: 'copied' });
    expect(await to.has(blob)).toBe(true);
  });
});
