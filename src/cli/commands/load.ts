// hubctl load: the images of an archive into the local store.
import { resolve } from 'node:path';
import { openArchive, type Archive } from '../../endpoints/archive/read.ts';
import { HubError } from '../../errors.ts';
import { familiarString, parseReference } from '../../spec/reference.ts';
import { copy } from '../../transfer/copy.ts';
import type { CopyOptions } from '../../transfer/options.ts';
import { Limiter } from '../../transfer/limit.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { platformsOf } from '../platforms.ts';
import { terminalTransfer } from '../terminal-transfer.ts';

export const command: CommandSpec = defineCommand({
  name: 'load',
  summary: 'Load images from an archive into the local store',
  details:
    'Reads what docker save, podman save, skopeo, ctr and hubctl write, also compressed with gzip or zstd. ' +
    'All images of the archive are loaded under the names it gives them.',
  arguments: [],
  flags: {
    input: { kind: 'string', short: 'i', value: 'FILE', help: 'read from a file instead of stdin' },
    platform: { kind: 'strings', value: 'OS/ARCH', help: 'load only this platform; may be repeated' },
  },
  examples: [
    { command: 'hubctl load -i alpine.tar', does: 'load a file' },
    { command: 'docker save app | hubctl load', does: 'take an image over from docker' },
  ],
  run: async (context, _args, flags) => {
    const { io, signal } = context;
    const path = flags.input === undefined || flags.input === '-' ? undefined : resolve(io.cwd, flags.input);
    if (path === undefined && io.stdin.isTTY === true) {
      throw new HubError('USAGE', 'there is nothing to load: stdin is a terminal', {
        hint: 'use -i FILE, or pipe an archive in',
      });
    }
    const view = terminalTransfer(context);
    try {
      await using archive = await openArchive(path === undefined ? { stream: io.stdin } : { path }, {
        store: () => context.store(),
        signal,
        onEvent: view.onEvent,
      });
      const loaded = await loadAll(context, archive, {
        platforms: flags.platform.length > 0 ? platformsOf(context, flags.platform) : undefined,
        limiter: new Limiter(context.settings.concurrency),
        onEvent: view.onEvent,
      });
      view.finish();
      report(context, loaded);
    } finally {
      view.finish();
    }
  },
});

interface Loaded {
  readonly image: ReturnType<Archive['images']>[number];
  readonly digest: string;
}

async function loadAll(context: Context, archive: Archive, options: CopyOptions): Promise<readonly Loaded[]> {
  const store = await context.store();
  const loaded: Loaded[] = [];
  for (const image of archive.images()) {
    const { digest } = image.descriptor;
    // Without a name the store keeps an image under its digest.
    for (const as of image.names.length > 0 ? image.names : [digest]) {
      const { descriptor } = await copy(archive, store, digest, {
        ...options,
        as,
        keepIndex: true,
        available: options.platforms === undefined,
        label: as,
        signal: context.signal,
      });
      if (as === image.names[0] || image.names.length === 0) loaded.push({ image, digest: descriptor.digest });
    }
  }
  return loaded;
}

function report({ output }: Context, loaded: readonly Loaded[]): void {
  output.value(loaded.map(({ image, digest }) => ({ names: image.names, id: image.ids[0] ?? digest, digest })));
  for (const { image, digest } of loaded) {
    for (const name of image.names) output.line(`Loaded image: ${familiarString(parseReference(name))}`);
    if (image.names.length === 0) output.line(`Loaded image ID: ${image.ids[0] ?? digest}`);
  }
}
