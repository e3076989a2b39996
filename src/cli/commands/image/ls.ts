// hubctl images: the images of the local store.
import { HubError } from '../../../errors.ts';
import { systemClock } from '../../../http/clock.ts';
import { safeText } from '../../../util/text.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import { filterImages, parseImageFilters } from '../../image-filters.ts';
import {
  idText,
  imageColumns,
  imageRow,
  imageObject,
  TREE_COLUMNS,
  treeRows,
  type RowOptions,
} from '../../image-rows.ts';

export const command: CommandSpec = defineCommand({
  name: 'image ls',
  summary: 'List local images',
  details:
    'Newest first. IMAGE ID is the digest of the configuration, for an image of several platforms that of this machine if ' +
    'it is here. SIZE is what the configuration and the layers that are here take on this disk, compressed as they are ' +
    'transferred, so it is less than what docker shows; layers that images share count for each.\n' +
    'Filters: reference=PATTERN, dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE and until=TIME, such as ' +
    'until=24h. All must fit; of several references one. With --json an array of {name, repository, tag, id, digest, ' +
    'mediaType, created, size, platforms}.',
  arguments: [
    {
      name: 'REPOSITORY[:TAG]',
      help: "only this name, or names that fit a pattern such as 'team/*:1.*'",
      optional: true,
    },
  ],
  flags: {
    all: { kind: 'boolean', short: 'a', help: 'accepted as in docker; nothing is hidden without it' },
    digests: { kind: 'boolean', help: 'show the digest of the manifest or index' },
    'no-trunc': { kind: 'boolean', help: 'show IDs in full' },
    filter: { kind: 'strings', short: 'f', value: 'KEY=VALUE', help: 'only images that fit; may be repeated' },
    tree: { kind: 'boolean', help: 'show the platforms of each image, also those that are not here' },
  },
  examples: [
    { command: 'hubctl images', does: 'every local image' },
    { command: 'hubctl images -q --filter dangling=true', does: 'IDs of images without a name' },
    { command: 'hubctl images --tree alpine', does: 'the platforms of alpine' },
  ],
  run: async (context, [pattern], flags) => {
    const { output } = context;
    const truncate = !flags['no-trunc'];
    if (flags.tree) refuseWithTree({ quiet: output.quiet, 'no-trunc': !truncate, format: output.format !== undefined });
    const reference = pattern === undefined ? [] : [`reference=${pattern}`];
    const filters = parseImageFilters([...flags.filter, ...reference]);
    const store = await context.store();
    const images = await filterImages(await store.summaries(), filters, store);
    if (output.json) return output.values(images, imageObject);
    if (output.quiet && output.format === undefined) {
      // One write for all: a write for each takes longer than everything else when there are thousands.
      return output.bytes(images.map((image) => `${safeText(idText(image.id, truncate))}\n`).join(''));
    }
    const options: RowOptions = { now: systemClock.now(), truncate, digests: flags.digests };
    if (flags.tree)
      return output.table(
        images.flatMap((image) => treeRows(image, options)),
        TREE_COLUMNS,
      );
    return output.table(images.map(imageRow), imageColumns(options));
  },
});

function refuseWithTree(given: Readonly<Record<string, boolean>>): void {
  const flag = Object.keys(given).find((name) => given[name]);
  if (flag !== undefined) throw new HubError('USAGE', `--tree cannot be used with --${flag}`);
}
