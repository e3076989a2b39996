// hubctl help: what does a command do, which exit statuses are there?
import { defineCommand, type CommandSpec } from '../command.ts';
import { helpFor } from '../help.ts';

export const command: CommandSpec = defineCommand({
  name: 'help',
  summary: 'Show help for a command or a topic',
  details: "Topics are 'errors' (exit statuses and error codes) and 'environment' (environment variables).",
  arguments: [{ name: 'COMMAND', help: 'words of a command, or a topic', optional: true, many: true }],
  flags: {},
  examples: [
    { command: 'hubctl help pull', does: 'the same as hubctl pull --help' },
    { command: 'hubctl help errors', does: 'every exit status' },
  ],
  run: async ({ output }, args) => output.bytes(await helpFor(args)),
});
