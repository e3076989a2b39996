// Which command do the first words of a command line mean?
import { COMMANDS, namesOf, type CommandEntry } from './commands.ts';

export interface FoundCommand {
  /** As typed: `image ls`. */
  readonly words: string;
  /** As in the table of commands. */
  readonly name: string;
  readonly entry: CommandEntry;
}

const BY_WORDS: ReadonlyMap<string, string> = new Map(
  Object.keys(COMMANDS).flatMap((name) => namesOf(name).map((words) => [words, name] as const)),
);

/** The command of one or two words, under any of its names. */
export function findCommand(words: string): FoundCommand | undefined {
  const name = BY_WORDS.get(words);
  const entry = name === undefined ? undefined : COMMANDS[name];
  return name === undefined || !entry ? undefined : { words, name, entry };
}

/** Every spelling of every command. */
export function allWords(): readonly string[] {
  return [...BY_WORDS.keys()];
}

/** The commands in a group such as `image`, by their words there; empty when it is no group. */
export function commandsIn(group: string): readonly FoundCommand[] {
  return allWords()
    .filter((words) => words.startsWith(`${group} `))
    .flatMap((words) => findCommand(words) ?? []);
}

/** Words that stand before other words: `auth`, `image`, and `manifest`, which is also a command. */
export function isGroup(word: string): boolean {
  return allWords().some((words) => words.startsWith(`${word} `));
}
