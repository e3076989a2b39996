// hubctl inspect: everything about images but their layers.
import { HubError } from '../../errors.ts';
import { describeImage, type ImageFacts } from '../../image/inspect.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { each } from '../each.ts';
import { manifestOf, viewOf, withImage, type Place } from '../resolve-image.ts';

export const command: CommandSpec = defineCommand({
  name: 'inspect',
  summary: 'Show everything about images, local or remote',
  details:
    'Looks in the local store first, else in the registry, from which only manifest and configuration are read. Prints one ' +
    'JSON array as docker does; sizes are those of the layers as stored and transferred, usually compressed. Platforms ' +
    'lists what an index offers. An image that is not found is left out of the array, and the exit status is 3.',
  arguments: [
    { name: 'NAME[:TAG|@DIGEST]', help: 'image, or the ID of a local one; the tag is latest by default', many: true },
  ],
  flags: {
    format: { kind: 'string', short: 'f', value: 'TEXT', help: "a template for each image, such as '{{.Id}}'" },
    platform: { kind: 'string', value: 'OS/ARCH', help: 'the image for this platform, such as linux/arm64' },
    remote: { kind: 'boolean', help: 'ask the registry even for what is in the local store' },
    raw: { kind: 'boolean', help: 'print the manifest or index of one image as it is' },
  },
  examples: [
    { command: 'hubctl inspect alpine:3', does: 'configuration, layers and platforms' },
    { command: "hubctl inspect -f '{{json .Config.Env}}' alpine:3", does: 'its environment only' },
  ],
  run: async (context, texts, { platform, remote, raw }) => {
    const place: Place = remote ? 'remote' : 'nearest';
    if (raw) return printRaw(context, texts, { platform, place });
    const result = await each(context, texts, (text) =>
      withImage(context, { text, place }, async (image) =>
        describeImage(await viewOf(context, image, platform), image.names),
      ),
    );
    print(
      context,
      result.finished.map(({ value }) => value),
    );
    return result.rethrow();
  },
});

interface RawOptions {
  readonly platform: string | undefined;
  readonly place: Place;
}

async function printRaw(context: Context, texts: readonly string[], { platform, place }: RawOptions): Promise<void> {
  const [text = ''] = texts;
  if (texts.length > 1) throw new HubError('USAGE', '--raw prints the manifest of one image, so only one can be named');
  const view = await withImage(context, { text, place }, (image) => manifestOf(context, image, platform));
  context.output.bytes(view.bytes);
}

/** A template is filled for each image; else all of them are one array, which may be empty. */
function print({ output }: Context, images: readonly ImageFacts[]): void {
  if (output.json || output.format === undefined) return output.object(images);
  for (const image of images) output.object(image);
}
