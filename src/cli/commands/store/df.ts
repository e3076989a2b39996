// hubctl store df: what takes up the disk in the local store?
import { defineCommand, type CommandSpec } from '../../command.ts';
import { formatSize } from '../../output/units.ts';

export const command: CommandSpec = defineCommand({
  name: 'store df',
  summary: 'Show how much disk the local store uses',
  details:
    'Layers that several images share count once. What could be freed is what hubctl store gc --partial would remove: ' +
    'content that no image needs, leftovers and partial downloads. In templates and with --json: .Dir, .Images, .Blobs, ' +
    '.Bytes, .Reclaimable, .Free.',
  arguments: [],
  flags: {},
  examples: [{ command: 'hubctl store df', does: 'images, bytes, and what could be freed' }],
  run: async ({ output, signal, ...context }) => {
    const store = await context.store();
    const { dir } = store;
    const usage = await store.upkeep.usage({ signal });
    const images = (await store.images()).length;
    const { blobs, bytes, reclaimable, free } = usage;
    if (output.json) return output.value({ dir, images, blobs, bytes, reclaimable, free });
    if (output.format !== undefined) {
      return output.object({
        Dir: dir,
        Images: images,
        Blobs: blobs,
        Bytes: bytes,
        Reclaimable: reclaimable,
        Free: free,
      });
    }
    if (output.quiet) return output.line(String(bytes));
    output.line(`Store:        ${dir}`);
    output.line(`Images:       ${images}`);
    output.line(`Blobs:        ${blobs}, ${formatSize(bytes)}`);
    output.line(`Reclaimable:  ${formatSize(reclaimable)}`);
    return output.line(`Free on disk: ${free === undefined ? 'unknown' : formatSize(free)}`);
  },
});
