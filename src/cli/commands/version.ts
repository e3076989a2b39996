// hubctl version: which version is this?
import { defineCommand, type CommandSpec } from '../command.ts';
import { versionFacts, versionText } from '../version.ts';

export const command: CommandSpec = defineCommand({
  name: 'version',
  summary: 'Show the version of hubctl, of Node.js and of the machine',
  arguments: [],
  flags: {},
  examples: [
    { command: "hubctl version --format '{{.Version}}'", does: 'the number alone' },
    { command: 'hubctl version --json', does: 'for programs' },
  ],
  run: async ({ io, output }) => {
    if (output.json || output.format !== undefined) output.object(versionFacts(io));
    else output.bytes(versionText(io));
  },
});
