// hubctl auth ls: which registries there are credentials for, and where they are kept.
import { defineCommand, type CommandSpec } from '../../command.ts';

export const command: CommandSpec = defineCommand({
  name: 'auth ls',
  summary: 'List the registries there are credentials for',
  details:
    'In the order in which they are looked up: of several entries for a registry the first is used. Passwords and ' +
    'tokens are never shown. In templates: .Server, .Username, .Store, .Email.',
  arguments: [],
  flags: {},
  examples: [
    { command: 'hubctl auth ls', does: 'server, user name and place of every login' },
    { command: "hubctl auth ls --format '{{.Server}}'", does: 'the servers alone' },
  ],
  run: async (context) => {
    const logins = await (await context.credentials()).list();
    if (context.output.quiet && !context.output.json && context.output.format === undefined) {
      for (const { server } of logins) context.output.line(server);
      return;
    }
    context.output.table(logins, [
      { header: 'SERVER', key: 'Server', value: ({ server }) => server },
      { header: 'USERNAME', key: 'Username', value: ({ username }) => username },
      { header: 'STORE', key: 'Store', value: ({ source }) => source },
      { header: 'EMAIL', key: 'Email', value: ({ email }) => email ?? '', hidden: true },
    ]);
  },
});
