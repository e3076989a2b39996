// How does fish complete hubctl?
import { firstWords, groups, secondWords, type CompletionFlag, type CompletionModel } from './model.ts';

/** A script for ~/.config/fish/completions/hubctl.fish, or to be sourced. */
export function fishScript(model: CompletionModel): string {
  const lines = [
    '# fish completion for hubctl; load it with: hubctl completion fish | source',
    'complete -c hubctl -f',
    ...wordLines('__fish_use_subcommand', firstWords(model)),
    ...model.flags.map((flag) => flagLine('', flag)),
    ...model.rootFlags.map((flag) => flagLine('__fish_use_subcommand', flag)),
  ];
  for (const group of groups(model)) {
    const seconds = secondWords(model, group);
    const none = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${[...seconds.keys()].join(' ')}`;
    lines.push(...wordLines(none, seconds));
  }
  for (const { words, flags, takesFile, values } of model.commands) {
    const condition = seen(words);
    lines.push(...flags.map((flag) => flagLine(condition, flag)));
    if (values.length > 0) lines.push(`complete -c hubctl -n ${quoted(condition)} -a ${quoted(values.join(' '))}`);
    if (takesFile) lines.push(`complete -c hubctl -n ${quoted(condition)} -F`);
  }
  return `${lines.join('\n')}\n`;
}

function wordLines(condition: string, words: ReadonlyMap<string, string>): readonly string[] {
  return [...words].map(
    ([word, summary]) => `complete -c hubctl -n ${quoted(condition)} -a ${quoted(word)} -d ${quoted(summary)}`,
  );
}

function flagLine(condition: string, flag: CompletionFlag): string {
  const parts = ['complete -c hubctl'];
  if (condition !== '') parts.push(`-n ${quoted(condition)}`);
  if (flag.short !== undefined) parts.push(`-s ${flag.short}`);
  parts.push(`-l ${flag.name}`);
  if (flag.takesValue) parts.push(flag.takesFile ? '-r -F' : '-x');
  if (flag.choices.length > 0) parts.push(`-a ${quoted(flag.choices.join(' '))}`);
  parts.push(`-d ${quoted(flag.help)}`);
  return parts.join(' ');
}

function seen(words: string): string {
  return words
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}
