// How does zsh complete hubctl?
import { firstWords, groups, secondWords, spellings, type CompletionFlag, type CompletionModel } from './model.ts';

/** A script for a file `_hubctl` in `$fpath`, or to be sourced after compinit. */
export function zshScript(model: CompletionModel): string {
  const global = flagSpecs(model.flags);
  return `#compdef hubctl
# zsh completion for hubctl; load it with: source <(hubctl completion zsh)
_hubctl() {
  local curcontext="$curcontext" state line command
  local -a global commands
  global=(
${global}
  )
  _arguments -C -S $global \\
${continued(model.rootFlags)}    '1: :->first' '*:: :->rest' && return
  command="$line[1]"
  case "$state" in
    first)
      commands=(
${described(firstWords(model))}
      )
      _describe -t commands 'hubctl command' commands
      return
      ;;
  esac
  case "$command" in
${groups(model)
  .map((group) => groupCase(model, group))
  .join('\n')}
  esac
  case "$command" in
${model.commands.map(({ words, flags, takesFile, values }) => commandCase(words, flags, rest(takesFile, values))).join('\n')}
  esac
}
if [ "$funcstack[1]" = "_hubctl" ]; then
  _hubctl "$@"
else
  compdef _hubctl hubctl
fi
`;
}

function groupCase(model: CompletionModel, group: string): string {
  return `    ${group})
      if ((CURRENT == 2)); then
        commands=(
${described(secondWords(model, group))}
        )
        _describe -t commands 'hubctl ${group} command' commands
        return
      fi
      case "$words[2]" in
        ${[...secondWords(model, group).keys()].join(' | ')})
          command="${group} $words[2]"
          shift words
          ((CURRENT--))
          ;;
      esac
      ;;`;
}

function commandCase(words: string, flags: readonly CompletionFlag[], last: string): string {
  return `    ${words.includes(' ') ? `"${words}"` : words})
      _arguments -S $global \\
${continued(flags)}        ${last}
      ;;`;
}

function rest(takesFile: boolean, values: readonly string[]): string {
  if (values.length > 0) return `'*: :(${values.join(' ')})'`;
  return takesFile ? `'*: :_files'` : `'*: :'`;
}

function flagSpecs(flags: readonly CompletionFlag[]): string {
  return flags.flatMap((flag) => specsOf(flag).map((spec) => `    ${spec}`)).join('\n');
}

function continued(flags: readonly CompletionFlag[]): string {
  return flags.flatMap((flag) => specsOf(flag).map((spec) => `        ${spec} \\\n`)).join('');
}

function specsOf(flag: CompletionFlag): readonly string[] {
  const names = spellings(flag);
  const excluded = names.length > 1 ? `(${names.join(' ')})` : '';
  return names.map((name) => quoted(`${excluded}${name}[${escaped(flag.help)}]${action(flag)}`));
}

function action(flag: CompletionFlag): string {
  if (!flag.takesValue) return '';
  if (flag.choices.length > 0) return `: :(${flag.choices.join(' ')})`;
  return flag.takesFile ? ': :_files' : ': : ';
}

function described(words: ReadonlyMap<string, string>): string {
  return [...words].map(([word, summary]) => `        ${quoted(`${word}:${escaped(summary)}`)}`).join('\n');
}

function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, (character) => `\\${character}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
