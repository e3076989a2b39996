// hubctl manifest: the manifest or index a name means, as the registry has it.
import { defineCommand, type CommandSpec } from '../command.ts';
import { printDocument } from '../print-document.ts';
import { manifestOf, withImage } from '../resolve-image.ts';

export const command: CommandSpec = defineCommand({
  name: 'manifest',
  summary: 'Print a manifest as the registry has it',
  details:
    'Prints the bytes unchanged: the digest of the output is the digest of the manifest. For an image with several ' +
    'platforms that is their index; --platform picks one manifest of it. With --json or in templates: {digest, mediaType, ' +
    'size, manifest}.',
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image; the tag is latest by default' }],
  flags: {
    platform: { kind: 'string', value: 'OS/ARCH', help: 'the manifest for this platform, such as linux/arm64' },
    local: { kind: 'boolean', help: 'look in the local store instead of the registry' },
  },
  examples: [
    { command: 'hubctl manifest alpine:3 | sha256sum', does: 'check the digest of the tag' },
    { command: 'hubctl manifest --platform linux/arm64 alpine:3', does: 'config and layers of one platform' },
  ],
  run: async (context, [text = ''], { platform, local }) => {
    const view = await withImage(context, { text, place: local ? 'local' : 'remote' }, (image) =>
      manifestOf(context, image, platform),
    );
    printDocument(context, view, 'manifest');
  },
});
