// What can a shell offer after `hubctl`, and how does each shell want to be told?
import { HubError } from '../errors.ts';
import type { FlagSpec } from './command.ts';
import { COMMANDS, namesOf } from './commands.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import type { CompletionFlag, CompletionModel } from './completion/model.ts';
import { pwshScript } from './completion/pwsh.ts';
import { zshScript } from './completion/zsh.ts';
import { GLOBAL_FLAGS, ROOT_FLAGS } from './globals.ts';
import { helpTopics } from './help.ts';

const SCRIPTS: ReadonlyMap<string, (model: CompletionModel) => string> = new Map([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
  ['pwsh', pwshScript],
  ['powershell', pwshScript],
]);

/** The script for a shell, from the specs of all commands, which are loaded for it. Throws USAGE for an unknown shell. */
export async function completionScript(shell: string): Promise<string> {
  const script = SCRIPTS.get(shell);
  if (!script) {
    throw new HubError('USAGE', `there is no completion for the shell ${shell}`, {
      hint: 'use bash, zsh, fish or pwsh',
    });
  }
  return script(await completionModel());
}

/** Every command with its flags under each of its names. */
export async function completionModel(): Promise<CompletionModel> {
  const loaded = Object.entries(COMMANDS).map(async ([name, entry]) => {
    const { command } = await entry.load();
    const takesFile = command.arguments.some((argument) => /FILE|DIR|PATH/.test(argument.name));
    const values = valuesFor(name);
    const flags = completionFlags(command.flags);
    return namesOf(name).map((words) => ({ words, summary: entry.summary, flags, takesFile, values }));
  });
  return {
    commands: (await Promise.all(loaded)).flat(),
    flags: completionFlags(GLOBAL_FLAGS),
    rootFlags: completionFlags(ROOT_FLAGS),
  };
}

function valuesFor(name: string): readonly string[] {
  if (name === 'completion') return ['bash', 'zsh', 'fish', 'pwsh'];
  if (name !== 'help') return [];
  const words = Object.keys(COMMANDS).map((command) => command.split(' ')[0] ?? command);
  return [...new Set([...words, ...helpTopics()])];
}

function completionFlags(flags: Readonly<Record<string, FlagSpec>>): readonly CompletionFlag[] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => ({
      name,
      short: flag.short,
      help: flag.help,
      takesValue: flag.kind !== 'boolean',
      choices: flag.choices ?? [],
      takesFile: /FILE|DIR|PATH|TARGET/.test(flag.value ?? ''),
    }));
}
