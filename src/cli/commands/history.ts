// hubctl history: how an image was built, step by step.
import { shortDigest } from '../../spec/digest.ts';
import { systemClock } from '../../http/clock.ts';
import { historyOf, type HistoryStep } from '../../image/history.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import type { Column } from '../output/output.ts';
import { formatAgo, formatSize } from '../output/units.ts';
import { viewOf, withImage } from '../resolve-image.ts';

/** Columns of the screen for an instruction, as docker has it. */
const INSTRUCTION_WIDTH = 45;
const MISSING = '<missing>';

export const command: CommandSpec = defineCommand({
  name: 'history',
  summary: 'Show how an image was built, step by step',
  details:
    'The last step comes first. Looks in the local store first, else in the registry, without pulling layers. SIZE is ' +
    'that of the layer as stored and transferred, usually compressed, so it is less than what docker shows. Only the last ' +
    'step has an ID. With --json an array of {id, created, createdBy, size, comment, layer}.',
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image, or the ID of a local one; the tag is latest by default' }],
  flags: {
    'no-trunc': { kind: 'boolean', help: 'show instructions and IDs in full' },
    human: {
      kind: 'string',
      short: 'H',
      value: 'BOOL',
      choices: ['true', 'false'],
      help: 'false: sizes in bytes and times as dates (default true)',
    },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'the image for this platform, such as linux/arm64' },
    remote: { kind: 'boolean', help: 'ask the registry even for what is in the local store' },
  },
  examples: [
    { command: 'hubctl history alpine:3', does: 'every step with its size' },
    { command: 'hubctl history --no-trunc --human=false alpine:3', does: 'whole instructions, exact bytes and dates' },
  ],
  run: async (context, [text = ''], { human, platform, remote, ...flags }) => {
    const steps = await withImage(context, { text, place: remote ? 'remote' : 'nearest' }, async (image) =>
      historyOf(await viewOf(context, image, platform)),
    );
    print(context, steps, { human: human !== 'false', truncate: !flags['no-trunc'] });
  },
});

interface PrintOptions {
  readonly human: boolean;
  readonly truncate: boolean;
}

function print({ output }: Context, steps: readonly HistoryStep[], { human, truncate }: PrintOptions): void {
  if (output.json)
    return output.value(steps.map((step) => ({ ...step, id: step.id ?? MISSING, layer: step.layer?.digest })));
  const idOf = ({ id }: HistoryStep): string => (id === undefined || !truncate ? (id ?? MISSING) : shortDigest(id));
  if (output.quiet) {
    for (const step of steps) output.line(idOf(step));
    return undefined;
  }
  const now = systemClock.now();
  const since = ({ created }: HistoryStep): string => formatAgo(created, now);
  const at = ({ created }: HistoryStep): string => created ?? 'N/A';
  const columns: readonly Column<HistoryStep>[] = [
    { header: 'IMAGE', key: 'ID', value: idOf },
    { header: 'CREATED', key: 'CreatedSince', value: since, hidden: !human },
    { header: 'CREATED AT', key: 'CreatedAt', value: at, hidden: human },
    { header: 'CREATED BY', key: 'CreatedBy', value: (step) => step.createdBy, width: INSTRUCTION_WIDTH },
    { header: 'SIZE', key: 'Size', value: ({ size }) => (human ? formatSize(size) : String(size)) },
    { header: 'COMMENT', key: 'Comment', value: (step) => step.comment },
  ];
  return output.table(steps, columns, { truncate });
}
