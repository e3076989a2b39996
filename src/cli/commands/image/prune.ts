// hubctl image prune: frees the disk of what no image needs.
import type { ImageSummary } from '../../../endpoints/store/store.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import type { Context } from '../../context.ts';
import { filterImages, parseImageFilters } from '../../image-filters.ts';
import { familiarText } from '../../image-rows.ts';
import { formatSize } from '../../output/units.ts';
import { confirm } from '../../prompt.ts';

export const command: CommandSpec = defineCommand({
  name: 'image prune',
  summary: 'Remove local images without a name, and unused layers',
  details:
    'Images lose their name when a newer one takes it. Also removes content that no image needs, what interrupted commands ' +
    'left, and partial downloads, which could have been resumed. What other hubctl processes are using at this moment ' +
    'stays. As there are no containers that would use an image, --all removes every image, with or without a name; filters ' +
    'narrow that down. With --json one object: {untagged, deleted, reclaimed}.',
  arguments: [],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'remove every image, also those with names' },
    force: { kind: 'boolean', short: 'f', help: 'do not ask' },
    filter: {
      kind: 'strings',
      value: 'KEY=VALUE',
      help: 'only images that fit: until=TIME, label=KEY[=VALUE] or reference=PATTERN; may be repeated',
    },
  },
  examples: [
    { command: 'hubctl image prune -f', does: 'free what is not used' },
    { command: 'hubctl image prune -a -f --filter until=720h', does: 'remove images made more than 30 days ago' },
  ],
  run: async (context, _args, flags) => {
    const filters = parseImageFilters(flags.filter, ['until', 'label', 'reference']);
    if (!flags.force && !(await agreed(context, flags.all))) return context.output.note('nothing was removed');
    const store = await context.store();
    const candidates = (await store.summaries()).filter((image) => flags.all || image.dangling);
    const images = await filterImages(candidates, filters, store);
    const { signal } = context;
    const removed = await store.remove(images, { signal });
    const collected = await store.collect({ signal, allPartial: true });
    print(context, images, {
      deleted: [...removed.deleted, ...collected.deleted],
      bytes: removed.bytes + collected.bytes,
    });
  },
});

function agreed({ io, output }: Context, all: boolean): Promise<boolean> {
  output.warn(
    `this will remove ${all ? 'all images' : 'all images without a name'}, unused layers and partial downloads`,
  );
  return confirm(io, 'Are you sure you want to continue?', { hint: 'use --force where nobody can answer' });
}

interface Removed {
  readonly deleted: readonly string[];
  readonly bytes: number;
}

function print({ output }: Context, images: readonly ImageSummary[], { deleted, bytes }: Removed): void {
  const untagged = images.filter(({ name }) => name !== undefined).map(familiarText);
  output.value({ untagged, deleted, reclaimed: bytes });
  if (output.quiet) {
    for (const digest of deleted) output.line(digest);
    return;
  }
  if (untagged.length + deleted.length > 0) {
    output.line('Deleted Images:');
    for (const name of untagged) output.line(`untagged: ${name}`);
    for (const digest of deleted) output.line(`deleted: ${digest}`);
    output.line('');
  }
  output.line(`Total reclaimed space: ${formatSize(bytes)}`);
}
