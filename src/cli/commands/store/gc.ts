// hubctl store gc: frees the disk of what no image needs, without touching an image.
import { plural } from '../../../util/text.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import { formatSize } from '../../output/units.ts';

export const command: CommandSpec = defineCommand({
  name: 'store gc',
  summary: 'Remove content that no image needs from the local store',
  details:
    'Removes unused layers, what processes that died have left, and partial downloads older than seven days; all of those ' +
    'with --partial. Images stay, also those without a name: hubctl image prune removes these. What other hubctl ' +
    'processes are using at this moment stays, too. With --json one object: {deleted, reclaimed, dryRun}.',
  arguments: [],
  flags: {
    'dry-run': { kind: 'boolean', help: 'only tell what would be removed' },
    partial: { kind: 'boolean', help: 'also partial downloads that the next pull could continue' },
  },
  examples: [
    { command: 'hubctl store gc --dry-run', does: 'how much would be won' },
    { command: 'hubctl store gc --partial', does: 'free as much as possible without losing an image' },
  ],
  run: async ({ output, signal, ...context }, _args, flags) => {
    const dryRun = flags['dry-run'];
    const store = await context.store();
    const { deleted, bytes } = await store.collect({ signal, allPartial: flags.partial, dryRun });
    output.value({ deleted, reclaimed: bytes, dryRun });
    if (output.quiet) return deleted.forEach((digest) => output.line(digest));
    for (const digest of deleted) output.line(`${dryRun ? 'would delete' : 'deleted'}: ${digest}`);
    const verb = dryRun ? 'would free' : 'freed';
    return output.line(`${plural(deleted.length, 'blob')} that no image needs; ${verb} ${formatSize(bytes)}`);
  },
});
