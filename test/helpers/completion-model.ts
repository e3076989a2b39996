// A small command line to complete, with everything that a shell could stumble over.
import type { CompletionFlag, CompletionModel } from '../../src/cli/completion/model.ts';

function flag(name: string, options: Partial<CompletionFlag> = {}): CompletionFlag {
  return {
    name,
    short: undefined,
    help: `help for ${name}`,
    takesValue: false,
    choices: [],
    takesFile: false,
    ...options,
  };
}

const PULL = {
  summary: "Pull, don't push: [now]",
  flags: [
    flag('all-tags', { short: 'a' }),
    flag('platform', { takesValue: true }),
    flag('output', { short: 'o', takesValue: true, takesFile: true }),
  ],
  takesFile: false,
  values: [],
};
const BARE = { flags: [], takesFile: false, values: [] };

export const MODEL: CompletionModel = {
  commands: [
    { ...PULL, words: 'pull' },
    { ...PULL, words: 'image pull' },
    { ...BARE, words: 'push', summary: 'Push \\ "it"' },
    { ...BARE, words: 'image ls', summary: 'List $images `here`' },
    { ...BARE, words: 'load', summary: 'Load', takesFile: true },
    { ...BARE, words: 'manifest', summary: 'Manifest', flags: [flag('raw')] },
    { ...BARE, words: 'manifest inspect', summary: 'Manifest', flags: [flag('raw')] },
    { ...BARE, words: 'completion', summary: 'Complete', values: ['bash', 'zsh'] },
  ],
  flags: [
    flag('debug', { short: 'D' }),
    flag('store', { takesValue: true, takesFile: true }),
    flag('progress', { takesValue: true, choices: ['auto', 'plain'], help: "it's shown" }),
  ],
  rootFlags: [flag('version', { short: 'v' })],
};
