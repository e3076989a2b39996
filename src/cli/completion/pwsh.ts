// How does PowerShell complete hubctl?
import { firstWords, groups, secondWords, spellings, type CompletionFlag, type CompletionModel } from './model.ts';

/** A script for a PowerShell profile. */
export function pwshScript(model: CompletionModel): string {
  return `# PowerShell completion for hubctl; load it with: hubctl completion pwsh | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName hubctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $everywhere = @(
${flagEntries(model.flags)}
    )
    $words = @{
        '' = @(
${wordEntries(firstWords(model))}
        )
${groups(model)
  .map((group) => `        ${quoted(group)} = @(\n${wordEntries(secondWords(model, group))}\n        )`)
  .join('\n')}
${model.commands
  .filter(({ values }) => values.length > 0)
  .map(({ words, values }) => `        ${quoted(words)} = @(\n${valueEntries(values)}\n        )`)
  .join('\n')}
    }
    $flags = @{
        '' = @(
${flagEntries(model.rootFlags)}
        )
${model.commands.map(({ words, flags }) => `        ${quoted(words)} = @(\n${flagEntries(flags)}\n        )`).join('\n')}
    }
    $command = ''
    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
        $text = $element.ToString()
        if ($element.Extent.EndOffset -ge $cursorPosition -or $text.StartsWith('-')) { continue }
        $longer = "$command $text".Trim()
        if ($words.ContainsKey($longer) -or $flags.ContainsKey($longer)) { $command = $longer }
    }
    $choices = if ($wordToComplete.StartsWith('-')) { $everywhere + $flags[$command] } else { $words[$command] }
    $choices | Where-Object { $_ -and $_[0] -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }
}
`;
}

function wordEntries(words: ReadonlyMap<string, string>): string {
  return [...words].map(([word, summary]) => entry(word, summary)).join('\n');
}

function valueEntries(values: readonly string[]): string {
  return values.map((value) => entry(value, value)).join('\n');
}

function flagEntries(flags: readonly CompletionFlag[]): string {
  return flags.flatMap((flag) => spellings(flag).map((spelling) => entry(spelling, flag.help))).join('\n');
}

/** The comma keeps a pair a pair inside the list. */
function entry(text: string, description: string): string {
  return `            , @(${quoted(text)}, ${quoted(description)})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
