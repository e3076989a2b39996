// What does help say?
import { ERROR_CODES, HubError } from '../errors.ts';
import type { CommandSpec, FlagSpec } from './command.ts';
import { COMMANDS, GROUPS, namesOf } from './commands.ts';
import { ENVIRONMENT } from './environment.ts';
import { GLOBAL_FLAGS, ROOT_FLAGS } from './globals.ts';
import { displayWidth, padded } from './output/width.ts';
import { wrap } from './wrap.ts';
import { nearest } from './suggest.ts';
import { flagLabel, usageOf } from './usage.ts';
import { allWords, commandsIn, findCommand, isGroup, type FoundCommand } from './words.ts';

/** Labels longer than this get their help on a line of its own. */
const LONGEST_LABEL = 30;

const TOPICS: Readonly<Record<string, { readonly about: string; readonly text: () => string }>> = {
  errors: { about: 'exit statuses and error codes', text: errorsHelp },
  environment: { about: 'environment variables', text: environmentHelp },
};

/** Help for no command: every command, every flag that all of them take. */
export function mainHelp(): string {
  const longest = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const members = Object.entries(COMMANDS).filter(([, entry]) => entry.group === group);
    return section(`${title}:`, rows(members.map(([name, { summary }]) => [name.padEnd(longest), summary])));
  });
  const topics = Object.entries(TOPICS).map(([name, { about }]) => [`hubctl help ${name}`, about] as const);
  return page([
    'Usage:  hubctl [OPTIONS] COMMAND',
    'A registry client without a daemon',
    ...groups,
    section('Options of every command:', rows(flagRows({ ...GLOBAL_FLAGS, ...ROOT_FLAGS }))),
    section('Topics:', rows(topics)),
    "Run 'hubctl COMMAND --help' for more information on a command.",
  ]);
}

/** Help for words that only stand before others, such as `image`. */
export function groupHelp(group: string): string {
  const members = commandsIn(group);
  const first = members.filter(({ name }, index) => members.findIndex((other) => other.name === name) === index);
  return page([
    `Usage:  hubctl ${group} COMMAND`,
    section('Commands:', rows(first.map(({ words, entry }) => [words.slice(group.length + 1), entry.summary]))),
    `Run 'hubctl ${group} COMMAND --help' for more information on a command.`,
  ]);
}

/** Help for one command. */
export function commandHelp({ words, name }: FoundCommand, spec: CommandSpec): string {
  const names = namesOf(name);
  const described = spec.arguments.map((argument) => [argument.name, argument.help] as const);
  const examples = spec.examples.map(({ command, does }) => `  # ${does}\n  ${command}`).join('\n');
  return page([
    `Usage:  ${usageOf(words, spec)}`,
    wrap(spec.summary, '').join('\n'),
    ...(spec.details ?? '')
      .split('\n')
      .filter((paragraph) => paragraph !== '')
      .map((paragraph) => wrap(paragraph, '').join('\n')),
    names.length > 1 ? section('Aliases:', wrap(names.map((alias) => `hubctl ${alias}`).join(', '), '  ')) : '',
    section('Arguments:', rows(described)),
    section('Options:', rows(flagRows(spec.flags))),
    section('Examples:', examples === '' ? [] : [examples]),
    "Run 'hubctl --help' for the options of every command.",
  ]);
}

/** Help for the words after `help`: a command, a group, a topic, or nothing. Throws USAGE for anything else. */
export async function helpFor(args: readonly string[]): Promise<string> {
  const words = args.join(' ');
  const topic = TOPICS[words];
  const found = findCommand(words);
  if (words === '') return mainHelp();
  if (topic && Object.hasOwn(TOPICS, words)) return topic.text();
  if (found) return commandHelp(found, (await found.entry.load()).command);
  if (isGroup(words)) return groupHelp(words);
  const near = nearest(words, [...allWords(), ...Object.keys(TOPICS)]);
  throw new HubError('USAGE', `there is no help for ${words}`, {
    hint: near && `did you mean 'hubctl help ${near}'?`,
    details: { command: 'hubctl' },
  });
}

/** Names of the topics of help that are no commands. */
export function helpTopics(): readonly string[] {
  return Object.keys(TOPICS);
}

function errorsHelp(): string {
  const codes = Object.entries(ERROR_CODES).map(([code, { exit, meaning }]) => [exit, code, meaning] as const);
  const all = [
    [0, '', 'success'] as const,
    ...codes,
    [70, '', 'a bug in hubctl'] as const,
    [143, 'ABORTED', 'stopped by SIGTERM'] as const,
    [129, 'ABORTED', 'stopped by SIGHUP: the terminal was closed'] as const,
  ];
  const lines = all.sort(([a], [b]) => a - b).map((status) => statusLine(status));
  return page([
    'Each error has a code, and each code an exit status.',
    ['Exit  Code                     Meaning', ...lines].join('\n'),
    wrap(
      'With --json an error is one line of JSON on stderr: {"error":{"code","message","hint","details","exit"}}.',
      '',
    ).join('\n'),
  ]);
}

function statusLine([exit, code, meaning]: readonly [number, string, string]): string {
  const indent = ' '.repeat(31);
  return `${String(exit).padEnd(6)}${code.padEnd(25)}${wrap(meaning, indent).join('\n').trimStart()}`;
}

function environmentHelp(): string {
  return page(['Flags win over environment variables.', section('Variables:', rows(ENVIRONMENT))]);
}

function flagRows(flags: Readonly<Record<string, FlagSpec>>): readonly (readonly [string, string])[] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => [flagLabel(name, flag), flag.help]);
}

/** Labels on the left, their help wrapped on the right. */
function rows(entries: readonly (readonly [string, string])[]): readonly string[] {
  const widths = entries.map(([label]) => displayWidth(label)).filter((width) => width <= LONGEST_LABEL);
  const left = 2 + Math.max(0, ...widths) + 2;
  const indent = ' '.repeat(left);
  return entries.map(([label, help]) => {
    const text = wrap(help, indent).join('\n');
    if (displayWidth(label) + 4 > left) return `  ${label}\n${text}`;
    return `  ${padded(label, left - 2)}${text.slice(left)}`;
  });
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [title, ...lines].join('\n');
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
