// hubctl digest: which content does a name mean now?
import type { Descriptor } from '../../spec/descriptor.ts';
import { familiarString } from '../../spec/reference.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { manifestOf, remoteImage, withImage } from '../resolve-image.ts';

export const command: CommandSpec = defineCommand({
  name: 'digest',
  summary: 'Show the digest a tag has now',
  details:
    'Asks the registry with a HEAD request, which downloads nothing and is not counted as a pull. ' +
    'With --json or in templates: {reference, digest, mediaType, size}, the size being that of the manifest in bytes.',
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image; the tag is latest by default' }],
  flags: {
    platform: {
      kind: 'string',
      value: 'OS/ARCH',
      help: 'the digest of the image for this platform instead of the index',
    },
    local: { kind: 'boolean', help: 'look in the local store instead of the registry' },
  },
  examples: [
    { command: 'hubctl digest alpine:3', does: 'sha256:... of the index the tag means now' },
    { command: 'hubctl digest --platform linux/arm64 alpine:3', does: 'sha256:... of the image for one platform' },
  ],
  run: async (context, [text = ''], { platform, local }) => {
    const { reference, descriptor } = await find(context, text, { platform, local });
    const { digest, mediaType, size } = descriptor;
    const { output } = context;
    if (output.json || output.format !== undefined) output.object({ reference, digest, mediaType, size });
    else output.line(digest);
  },
});

interface Found {
  readonly reference: string;
  readonly descriptor: Descriptor;
}

async function find(
  context: Context,
  text: string,
  { platform, local }: { readonly platform: string | undefined; readonly local: boolean },
): Promise<Found> {
  if (!local && platform === undefined) {
    const { endpoint, reference, wanted } = await remoteImage(context, text);
    const descriptor = await endpoint.head(wanted, { signal: context.signal });
    return { reference: familiarString(reference), descriptor };
  }
  return withImage(context, { text, place: local ? 'local' : 'remote' }, async (image) => {
    if (platform === undefined) return { reference: image.name, descriptor: image.root };
    return { reference: image.name, descriptor: (await manifestOf(context, image, platform)).descriptor };
  });
}
