// hubctl config: the configuration of an image, without its layers.
import { readConfig } from '../../image/read.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import { printDocument } from '../print-document.ts';
import { viewOf, withImage } from '../resolve-image.ts';

export const command: CommandSpec = defineCommand({
  name: 'config',
  summary: 'Print the configuration of an image',
  details:
    'Prints the JSON of the configuration unchanged: environment, command, labels, history. Without --platform that of ' +
    'the image for this machine (linux, this architecture). With --json or in templates: {digest, mediaType, size, config}.',
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image; the tag is latest by default' }],
  flags: {
    platform: { kind: 'string', value: 'OS/ARCH', help: 'the configuration for this platform, such as linux/arm64' },
    local: { kind: 'boolean', help: 'look in the local store instead of the registry' },
  },
  examples: [
    { command: 'hubctl config alpine:3', does: 'the configuration, without pulling the image' },
    { command: "hubctl config --format '{{json .config.config.Env}}' alpine:3", does: 'its environment' },
  ],
  run: async (context, [text = ''], { platform, local }) => {
    const document = await withImage(context, { text, place: local ? 'local' : 'remote' }, async (image) => {
      const { config, manifest } = await viewOf(context, image, platform);
      return config ?? readConfig(image.source, manifest); // which says why there is none
    });
    printDocument(context, document, 'config');
  },
});
