// hubctl save: images of the local store into one archive.
import { resolve } from 'node:path';
import { createArchive } from '../../endpoints/archive/write.ts';
import type { Store, StoredImage } from '../../endpoints/store/store.ts';
import { formatReference, parseAnyReference, repositoryName, withDefaultTag } from '../../spec/reference.ts';
import { copy } from '../../transfer/copy.ts';
import type { Source } from '../../transfer/endpoint.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import { checkStdout } from '../open-output.ts';
import { machinePlatform, platformsOf } from '../platforms.ts';
import { terminalTransfer } from '../terminal-transfer.ts';

export const command: CommandSpec = defineCommand({
  name: 'save',
  summary: 'Save images of the local store to an archive',
  details:
    'The archive is an OCI layout and a docker archive in one tar: docker load, podman load, skopeo and ctr all read it. ' +
    'Layers and manifests are stored byte for byte, so digests stay what they are, and equal images give equal files. ' +
    'A name without a tag means all tags of the repository. Without --platform everything that is here is saved.',
  arguments: [{ name: 'IMAGE', help: 'name, digest or ID of a local image', many: true }],
  flags: {
    output: { kind: 'string', short: 'o', value: 'FILE', help: 'write to a file instead of stdout' },
    platform: { kind: 'strings', value: 'OS/ARCH', help: 'save only this platform; may be repeated' },
  },
  examples: [
    { command: 'hubctl save -o alpine.tar alpine:3', does: 'one file for docker load' },
    { command: 'hubctl save app:1 app:2 | ssh host docker load', does: 'two images, to a docker elsewhere' },
  ],
  run: async (context, args, flags) => {
    const { output, io, signal } = context;
    const path = flags.output === undefined || flags.output === '-' ? undefined : resolve(io.cwd, flags.output);
    if (path === undefined) checkStdout(context, 'use -o FILE, or redirect the output');
    const store = await context.store();
    const wanted = await imagesFor(store, args);
    const platforms = flags.platform.length > 0 ? platformsOf(context, flags.platform) : undefined;
    const target = path === undefined ? { stream: io.stdout } : { path };
    await using archive = await createArchive(target, { host: machinePlatform(context), signal });
    const view = terminalTransfer(context);
    try {
      for (const { image, as } of wanted) {
        await copy(sourceOf(store, image), archive, image.descriptor.digest, {
          as,
          platforms,
          keepIndex: true,
          available: platforms === undefined,
          // A tar has one end: more at once would only change the order from run to run.
          concurrency: 1,
          label: as === '' ? image.descriptor.digest : as,
          onEvent: view.onEvent,
          signal,
        });
      }
      await archive.commit();
    } finally {
      view.finish();
    }
    if (path === undefined) return;
    output.value({
      file: path,
      images: wanted.map(({ image, as }) => ({ name: as === '' ? null : as, digest: image.descriptor.digest })),
    });
  },
});

interface Wanted {
  readonly image: StoredImage;
  /** Canonical name in the archive; empty for an image that was asked for by its ID. */
  readonly as: string;
}

async function imagesFor(store: Store, args: readonly string[]): Promise<readonly Wanted[]> {
  const wanted: Wanted[] = [];
  for (const text of args) wanted.push(...(await imagesOf(store, text)));
  return wanted;
}

async function imagesOf(store: Store, text: string): Promise<readonly Wanted[]> {
  const reference = parseAnyReference(text);
  if ('repository' in reference && reference.tag === undefined && reference.digest === undefined) {
    const prefix = `${repositoryName(reference)}:`;
    const all = (await store.images()).filter((image) => image.name?.startsWith(prefix));
    if (all.length > 0) return all.map((image) => ({ image, as: image.name ?? '' }));
  }
  const image = await store.find(text);
  const name = 'repository' in reference ? formatReference(withDefaultTag(reference)) : undefined;
  const byDigest = 'repository' in reference && reference.digest !== undefined;
  return [{ image, as: name !== undefined && (image.name === name || byDigest) ? name : '' }];
}

/** The image that was found, also when its name moves while others are saved. */
function sourceOf(store: Store, image: StoredImage): Source {
  return {
    name: store.name,
    resolve: async () => image.descriptor,
    read: (descriptor, options) => store.read(descriptor, options),
  };
}
