// hubctl rmi: takes names away from local images, and deletes those that have none left.
import type { Store, StoredImage } from '../../../endpoints/store/store.ts';
import { HubError } from '../../../errors.ts';
import { familiarName, splitCanonical } from '../../../spec/reference.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import type { Context } from '../../context.ts';
import { familiarText } from '../../image-rows.ts';
import { report } from '../../report.ts';

export const command: CommandSpec = defineCommand({
  name: 'image rm',
  summary: 'Remove local images',
  details:
    'Takes the names away, and deletes the content that no other image needs. An image that is named by its ID goes with ' +
    'its name; when it has several, only with --force. Images that are not here do not keep the others from being ' +
    'removed; the exit status is 3 then. With --json one object: {untagged, deleted, reclaimed}.',
  arguments: [{ name: 'IMAGE', help: 'name, NAME@DIGEST, or the beginning of an image ID', many: true }],
  flags: {
    force: {
      kind: 'boolean',
      short: 'f',
      help: 'remove an image named by its ID with all its names; no failure for what is not here',
    },
    'no-prune': { kind: 'boolean', help: 'only take the names away; content stays until hubctl image prune' },
  },
  examples: [
    { command: 'hubctl rmi alpine:3', does: 'remove one name, and the image with its last name' },
    { command: 'hubctl rmi $(hubctl images -q --filter dangling=true)', does: 'remove all images without a name' },
  ],
  run: async (context, texts, flags) => {
    const store = await context.store();
    const errors: unknown[] = [];
    const going = new Map<string, StoredImage>();
    for (const text of texts) {
      try {
        for (const image of await chosen(store, text, flags.force)) going.set(keyOf(image), image);
      } catch (error) {
        errors.push(error);
      }
    }
    await remove(context, [...going.values()], !flags['no-prune']);
    const counting = flags.force ? errors.filter((error) => !isMissing(context, error)) : errors;
    rethrow(context, counting, texts.length);
  },
});

/** Throws NOT_FOUND, USAGE, and CONFLICT for an ID with several names. */
async function chosen(store: Store, text: string, force: boolean): Promise<readonly StoredImage[]> {
  const images = await store.findAll(text);
  if (images.length === 1 || force) return images;
  throw new HubError('CONFLICT', `image ${text} has several names: ${images.map(familiarText).join(', ')}`, {
    hint: 'name the one to remove, or remove all of them with --force',
  });
}

async function remove(
  { output, signal, ...context }: Context,
  images: readonly StoredImage[],
  prune: boolean,
): Promise<void> {
  const store = await context.store();
  const before = await store.images();
  const going = new Set(images.map(keyOf));
  const staying = before.filter((image) => !going.has(keyOf(image)));
  const untagged = images.flatMap((image, at) => untaggedNames(image, [...staying, ...images.slice(at + 1)]));
  const { deleted, bytes } = prune ? await store.remove(images, { signal }) : await unname(store, images, signal);
  output.value({ untagged, deleted, reclaimed: bytes });
  if (output.quiet) return;
  for (const name of untagged) output.line(`Untagged: ${name}`);
  for (const digest of deleted) output.line(`Deleted: ${digest}`);
}

async function unname(
  store: Store,
  images: readonly StoredImage[],
  signal: AbortSignal,
): Promise<{ readonly deleted: readonly string[]; readonly bytes: number }> {
  for (const { name } of images) if (name !== undefined) await store.unname(name, { signal });
  return { deleted: [], bytes: 0 };
}

/** The name, and the repository with the digest once the repository has no other name for that. */
function untaggedNames(image: StoredImage, others: readonly StoredImage[]): readonly string[] {
  const repository = repositoryOf(image);
  if (repository === undefined) return [];
  const { digest } = image.descriptor;
  const isLast = !others.some((other) => other.descriptor.digest === digest && repositoryOf(other) === repository);
  const name = familiarText(image);
  const withDigest = `${repository}@${digest}`;
  return isLast && name !== withDigest ? [name, withDigest] : [name];
}

function repositoryOf({ name }: StoredImage): string | undefined {
  return name === undefined ? undefined : familiarName(splitCanonical(name));
}

function keyOf({ name, descriptor }: StoredImage): string {
  return name ?? descriptor.digest;
}

/** With --force it is no failure that what shall go is not here, as in docker. */
function isMissing({ output }: Context, error: unknown): boolean {
  if (!HubError.is(error, 'NOT_FOUND')) return false;
  output.note(error.message);
  return true;
}

/** One failure is thrown as it is. Several are told one by one, and end with what they have in common. */
function rethrow(context: Context, errors: readonly unknown[], total: number): void {
  const [first] = errors;
  if (first === undefined) return;
  const bug = errors.find((error) => !HubError.is(error));
  if (bug !== undefined || errors.length === 1) throw bug ?? first;
  for (const error of errors) report(error, context.io, { debug: context.settings.debug, json: context.output.json });
  const codes = new Set(errors.map((error) => (HubError.is(error) ? error.code : 'FAILED')));
  const [code = 'FAILED'] = codes;
  throw new HubError(codes.size === 1 ? code : 'PARTIAL', `${errors.length} of ${total} images could not be removed`);
}
