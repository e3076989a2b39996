// How does bash complete hubctl?
import {
  allFlags,
  firstWords,
  groups,
  secondWords,
  spellings,
  type CompletionFlag,
  type CompletionModel,
} from './model.ts';

/** A script to be sourced by bash 3.2 or newer. */
export function bashScript(model: CompletionModel): string {
  const everyFlag = words(model.flags.flatMap(spellings));
  const rootFlags = words(model.rootFlags.flatMap(spellings));
  return `# bash completion for hubctl; load it with: source <(hubctl completion bash)
_hubctl() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" command="" word="" skip="" i
  COMPREPLY=()
  ((COMP_CWORD > 0)) && prev="\${COMP_WORDS[COMP_CWORD - 1]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n "$skip" ]]; then
      skip=""
      continue
    fi
    case "$word" in
      ${pattern(valueFlags(model))}) skip=1 ;;
      -*) ;;
      *)
        if [[ -z "$command" ]]; then
          command="$word"
        else
          case "$command $word" in
            ${pattern(model.commands.map((command) => command.words).filter((text) => text.includes(' ')))}) command="$command $word" ;;
          esac
        fi
        ;;
    esac
  done
  local flags="${everyFlag}" values="" files=""
  case "$command" in
${cases(model, rootFlags)}
  esac
  case "$command:$prev" in
${flagCases(model)}
  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ -n "$values" ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$cur"))
  elif [[ -n "$files" ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _hubctl hubctl
`;
}

function cases(model: CompletionModel, rootFlags: string): string {
  const lines = [`    "") flags="$flags ${rootFlags}" values="${words(firstWords(model).keys())}" ;;`];
  for (const name of new Set([...groups(model), ...model.commands.map((command) => command.words)])) {
    const command = model.commands.find((candidate) => candidate.words === name);
    const flags = words((command?.flags ?? []).flatMap(spellings));
    const values = words([...secondWords(model, name).keys(), ...(command?.values ?? [])]);
    lines.push(`    "${name}") flags="$flags ${flags}" values="${values}" files="${command?.takesFile ? '1' : ''}" ;;`);
  }
  return lines.join('\n');
}

/** After a flag with a value: its choices, files, or nothing. */
function flagCases(model: CompletionModel): string {
  const lines = model.commands.flatMap((command) =>
    command.flags.flatMap((flag) => flagCase(`"${command.words}"`, flag)),
  );
  return [...lines, ...model.flags.flatMap((flag) => flagCase('*', flag))].join('\n');
}

function flagCase(command: string, flag: CompletionFlag): readonly string[] {
  if (!flag.takesValue) return [];
  const names = spellings(flag).map((spelling) => `${command}:${spelling}`);
  return [`    ${names.join(' | ')}) values="${words(flag.choices)}" files="${flag.takesFile ? '1' : ''}" ;;`];
}

function valueFlags(model: CompletionModel): readonly string[] {
  const withValue = allFlags(model).filter((flag) => flag.takesValue);
  const without = new Set(
    allFlags(model)
      .filter((flag) => !flag.takesValue)
      .flatMap(spellings),
  );
  // A spelling that has a value for one command only is taken to have none.
  return [...new Set(withValue.flatMap(spellings))].filter((spelling) => !without.has(spelling));
}

function pattern(texts: readonly string[]): string {
  return texts.map((text) => `"${text}"`).join(' | ');
}

function words(texts: Iterable<string>): string {
  return [...texts].join(' ');
}
