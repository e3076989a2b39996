// hubctl import: root file systems into the local store, as an image with a layer for each.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HubError } from '../../errors.ts';
import { systemClock } from '../../http/clock.ts';
import { applyChanges, CHANGE_INSTRUCTIONS } from '../../image/changes.ts';
import { importRootfs, type ImportedImage, type RootfsLayer, type RootfsOptions } from '../../image/rootfs.ts';
import { tarTree } from '../../layers/tar-tree.ts';
import { sniffCompression } from '../../spec/media-types.ts';
import { formatReference, parseReference, withDefaultTag } from '../../spec/reference.ts';
import type { Content } from '../../util/content.ts';
import { isErrno, storageError } from '../../util/fs.ts';
import { peek } from '../../util/peek.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { machinePlatform, platformsOf } from '../platforms.ts';

export const command: CommandSpec = defineCommand({
  name: 'import',
  summary: 'Turn a root file system into an image',
  details:
    'FILE is a tar, plain or compressed with gzip or zstd; - reads it from stdin; a directory is packed as it is. With ' +
    '--layer the image has more layers, each a tar or a directory, in the order given. ' +
    'SOURCE_DATE_EPOCH sets the time of the image and is the latest time of files of a directory, so that equal trees give ' +
    `equal images. --change takes ${CHANGE_INSTRUCTIONS.join(', ')}. Prints the image ID.`,
  arguments: [
    { name: 'FILE|DIR|-', help: 'root file system' },
    { name: 'NAME[:TAG]', help: 'name of the image', optional: true },
  ],
  flags: {
    change: {
      kind: 'strings',
      short: 'c',
      value: 'INSTRUCTION',
      help: 'set config, such as \'CMD ["sh"]\'; may be repeated',
    },
    layer: { kind: 'strings', value: 'FILE|DIR', help: 'put another layer on top; may be repeated' },
    message: { kind: 'string', short: 'm', value: 'TEXT', help: 'comment in the history of the image' },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'platform of the image; that of this machine by default' },
  },
  examples: [
    { command: 'hubctl import -c \'CMD ["/bin/sh"]\' rootfs.tar.gz base:1', does: 'an image from a tar' },
    { command: 'debootstrap stable ./root && hubctl import ./root debian:own', does: 'an image from a directory' },
    { command: 'hubctl import runtime app:1 --layer program', does: 'an image of two layers' },
    { command: 'docker export box | hubctl import - box:snapshot', does: 'an image from a container' },
  ],
  run: async (context, [source = '', name], flags) => {
    const as = name === undefined ? undefined : imageName(name);
    const config = applyChanges(flags.change);
    const platform = flags.platform === undefined ? machinePlatform(context) : onePlatform(context, flags.platform);
    const epoch = sourceDate(context);
    const { tar, ...rest } = await openLayer(context, source, { epoch, message: flags.message });
    const above: RootfsLayer[] = [];
    for (const text of flags.layer) above.push(await openLayer(context, text, { epoch, message: flags.message }));
    const created = new Date(epoch === undefined ? systemClock.now() : epoch * 1000);
    const image = await importRootfs(tar, await context.store(), {
      ...rest,
      above,
      platform,
      created: created.toISOString().replace('.000Z', 'Z'),
      config,
      as,
      signal: context.signal,
    });
    report(context, image, as);
  },
});

interface LayerSettings {
  readonly epoch: number | undefined;
  readonly message: string | undefined;
}

async function openLayer(context: Context, source: string, settings: LayerSettings): Promise<RootfsLayer> {
  const opened = await openTar(context, source, settings.epoch);
  const comment = settings.message ?? `Imported from ${source}`;
  return { ...opened, comment, what: source === '-' ? 'stdin' : source };
}

interface Opened {
  readonly tar: Content;
  readonly compression: RootfsOptions['compression'];
}

async function openTar(context: Context, source: string, epoch: number | undefined): Promise<Opened> {
  const { io, signal, output } = context;
  if (source === '-') {
    if (io.stdin.isTTY === true) throw new HubError('USAGE', 'there is nothing to import: stdin is a terminal');
    return fromStream(io.stdin);
  }
  const path = resolve(io.cwd, source);
  if (await isDirectory(path, source)) {
    const tar = tarTree(path, { latest: epoch, signal, onWarning: (message) => output.warn(message) });
    return { tar, compression: 'none' };
  }
  return fromStream(createReadStream(path, { highWaterMark: 256 * 1024 }));
}

async function fromStream(stream: AsyncIterable<Uint8Array>): Promise<Opened> {
  const { head, content } = await peek(stream, 6);
  return { tar: content, compression: sniffCompression(head) };
}

async function isDirectory(path: string, source: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw storageError(error, `cannot read ${source}`);
    throw new HubError('NOT_FOUND', `"${source}" does not exist`, {
      cause: error,
      hint: /^https?:/.test(source) ? `download it first: curl -L ${source} | hubctl import -` : undefined,
    });
  }
}

function imageName(text: string): string {
  const reference = parseReference(text);
  if (reference.digest === undefined) return formatReference(withDefaultTag(reference));
  throw new HubError('REFERENCE_INVALID', `"${text}" has a digest, but an image is named by tag`);
}

function onePlatform(context: Context, text: string): ReturnType<typeof machinePlatform> {
  const [platform, ...others] = platformsOf(context, [text]);
  if (platform && others.length === 0) return platform;
  throw new HubError('USAGE', `--platform ${text}: an imported image has one platform`);
}

/** Seconds since 1970 [reproducible-builds.org, SOURCE_DATE_EPOCH]. */
function sourceDate({ io }: Context): number | undefined {
  const text = io.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new HubError('CONFIG_INVALID', `SOURCE_DATE_EPOCH is "${text}", not a number of seconds`);
}

function report({ output }: Context, { id, descriptor, layers }: ImportedImage, name: string | undefined): void {
  output.value({
    id,
    digest: descriptor.digest,
    name: name ?? null,
    layers: layers.map(({ digest, size }) => ({ digest, size })),
  });
  output.line(id);
}
