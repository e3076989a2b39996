// hubctl store verify: is everything in the local store what it should be?
import type { CheckReport, Damage } from '../../../endpoints/store/check.ts';
import type { Store } from '../../../endpoints/store/store.ts';
import { HubError } from '../../../errors.ts';
import { plural } from '../../../util/text.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import type { Context } from '../../context.ts';
import { familiarText } from '../../image-rows.ts';
import type { Output } from '../../output/output.ts';
import { formatSize } from '../../output/units.ts';
import { repair, type Repaired } from '../../repair.ts';

export const command: CommandSpec = defineCommand({
  name: 'store verify',
  summary: 'Check all content of the local store, and repair it',
  details:
    'Hashes every blob again, and looks whether every image finds all its parts. With --repair, what is damaged or missing ' +
    'is fetched once more from the repository the image is named after, or from another one where it was seen. An image ' +
    'that its registry no longer has is removed; one whose registry cannot be reached stays as it is. A damaged list of ' +
    'images is made anew from what can be read of it and from the manifests, and kept beside. The exit status is 9 when ' +
    'damage remains. With --json one object: {images, blobs, bytes, damage, fetched, removed, remaining}.',
  arguments: [],
  flags: {
    repair: { kind: 'boolean', help: 'fetch damaged and missing content anew, and remove what nobody has' },
  },
  examples: [
    { command: 'hubctl store verify', does: 'list what is damaged, and which images need it' },
    { command: 'hubctl store verify --repair', does: 'fetch it once more' },
  ],
  run: async (context, _args, flags) => {
    const { output, signal } = context;
    const store = await context.store();
    const report = await store.upkeep.check({ signal });
    const isRepairing = flags.repair && report.damage.length > 0;
    const repaired = isRepairing ? await repair(context, store, report) : undefined;
    const after = isRepairing ? await store.upkeep.check({ signal, sound: report.sound }) : report;
    print(output, { report, repaired, remaining: after.damage });
    if (after.damage.length > 0) throw damaged(context, store, { report: after, repaired });
  },
});

interface Result {
  readonly report: CheckReport;
  readonly repaired: Repaired | undefined;
  readonly remaining: readonly Damage[];
}

function print(output: Output, { report, repaired, remaining }: Result): void {
  const { images, blobs, bytes, damage } = report;
  const { fetched = [], removed = [] } = repaired ?? {};
  output.value({ images, blobs, bytes, damage, fetched, removed, remaining });
  if (output.quiet) {
    for (const { digest } of damage) if (digest !== undefined) output.line(digest);
    return;
  }
  for (const one of damage) output.line(lineOf(one));
  for (const line of linesOf(repaired)) output.line(line);
  const what = `${plural(blobs, 'blob')} of ${plural(images, 'image')}, ${formatSize(bytes)}`;
  output.line(`Checked ${what}: ${damage.length === 0 ? 'no damage' : `${damage.length} damaged or missing`}`);
}

function linesOf(repaired: Repaired | undefined): readonly string[] {
  if (!repaired) return [];
  const { kept, fetched, removed } = repaired;
  return [
    ...(kept === undefined ? [] : [`kept the damaged list of images: ${kept}`]),
    ...fetched.map((image) => `fetched: ${textOf(image)}`),
    ...removed.map((key) => `removed: ${textOf(key)}`),
  ];
}

function lineOf({ kind, digest, images, message }: Damage): string {
  if (digest === undefined) return `damaged: ${message}`;
  const needed = images.length > 0 ? `needed by ${images.map(textOf).join(', ')}` : 'no image needs it';
  return `${kind}: ${digest} ${message}; ${needed}`;
}

/** A canonical name as people write it; a digest as it is. */
function textOf(key: string): string {
  return key.startsWith('sha256:') || key.startsWith('sha512:') ? key : familiarText({ name: key });
}

interface Remaining {
  readonly report: CheckReport;
  readonly repaired: Repaired | undefined;
}

function damaged({ output }: Context, { dir }: Store, { report, repaired }: Remaining): HubError {
  const { damage } = report;
  const images = [...new Set(damage.flatMap((one) => one.images))];
  const failures = [...(repaired?.failures ?? [])];
  for (const [image, error] of failures) output.warn(`${textOf(image)} cannot be fetched: ${error.message}`);
  const [first] = failures;
  const hint =
    first === undefined
      ? 'fetch what is damaged once more with: hubctl store verify --repair'
      : `run it again when the registry can be reached, or give the image up with: hubctl rmi ${textOf(first[0])}`;
  const message = `the store ${dir} is damaged: ${plural(damage.length, 'problem')} in ${plural(images.length, 'image')}`;
  return new HubError('STORAGE', message, { hint, details: { dir, problems: damage.length, images } });
}
