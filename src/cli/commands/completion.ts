// hubctl completion: a script that teaches a shell to complete hubctl.
import { defineCommand, type CommandSpec } from '../command.ts';
import { completionScript } from '../completion.ts';

export const command: CommandSpec = defineCommand({
  name: 'completion',
  summary: 'Print a completion script for a shell',
  arguments: [{ name: 'SHELL', help: 'bash, zsh, fish or pwsh' }],
  flags: {},
  examples: [
    { command: 'source <(hubctl completion bash)', does: 'bash, for this session or in ~/.bashrc' },
    { command: 'source <(hubctl completion zsh)', does: 'zsh, after compinit in ~/.zshrc' },
    { command: 'hubctl completion fish > ~/.config/fish/completions/hubctl.fish', does: 'fish' },
    { command: 'hubctl completion pwsh | Out-String | Invoke-Expression', does: 'PowerShell, in $PROFILE' },
  ],
  run: async ({ output }, [shell = '']) => output.bytes(await completionScript(shell)),
});
