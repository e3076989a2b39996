// What does a completion script have to know?

export interface CompletionFlag {
  /** Without dashes. */
  readonly name: string;
  readonly short: string | undefined;
  readonly help: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly takesFile: boolean;
}

export interface CompletionCommand {
  /** One or two words. */
  readonly words: string;
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
  readonly takesFile: boolean;
  /** What its arguments may be, where that is a short list. */
  readonly values: readonly string[];
}

export interface CompletionModel {
  /** Aliases are commands of their own here. */
  readonly commands: readonly CompletionCommand[];
  /** Flags of every command. */
  readonly flags: readonly CompletionFlag[];
  /** Flags that only have a meaning without a command. */
  readonly rootFlags: readonly CompletionFlag[];
}

/** The words that may come first, each once, with what they are for. */
export function firstWords({ commands }: CompletionModel): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const { words: text, summary } of commands) {
    const [first = '', second] = text.split(' ');
    if (second === undefined) words.set(first, summary);
    else if (!words.has(first)) words.set(first, `Commands about ${first}`);
  }
  return words;
}

/** Words after which another word belongs to the command. */
export function groups({ commands }: CompletionModel): readonly string[] {
  const firsts = commands.flatMap(({ words }) => (words.includes(' ') ? [words.split(' ')[0] ?? ''] : []));
  return [...new Set(firsts)];
}

/** The second words of a group. */
export function secondWords({ commands }: CompletionModel, group: string): ReadonlyMap<string, string> {
  const members = commands.filter(({ words }) => words.startsWith(`${group} `));
  return new Map(members.map(({ words, summary }) => [words.slice(group.length + 1), summary]));
}

/** `-o` and `--output`. */
export function spellings(flag: CompletionFlag): readonly string[] {
  return [...(flag.short === undefined ? [] : [`-${flag.short}`]), `--${flag.name}`];
}

/** Every flag of every command, each spelling once per name. */
export function allFlags(model: CompletionModel): readonly CompletionFlag[] {
  return [...model.flags, ...model.rootFlags, ...model.commands.flatMap((command) => command.flags)];
}
