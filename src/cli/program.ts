// How does a command line become a call of a command?
import type { CommanderError } from 'commander';
import type { HubError } from '../errors.ts';
import type { DialledAhead } from '../http/dial-ahead.ts';
import type { CommandSpec, FlagSpec } from './command.ts';
import { flagValues, mergeFlags, normalizeTokens, type GivenFlags } from './flags.ts';
import { GLOBAL_FLAGS, parseGlobals, ROOT_FLAGS } from './globals.ts';
import type { Io } from './io.ts';
import { nearest } from './suggest.ts';
import { checkArguments, flagLabel, usageError, usageOf } from './usage.ts';
import { allWords, findCommand, isGroup, type FoundCommand } from './words.ts';

/**
 * Runs the command that `argv` (without node and script) names; `ahead` is a connection that it may use. Gives the exit
 * status. Throws USAGE and what commands throw.
 */
export async function runProgram(argv: readonly string[], io: Io, ahead?: DialledAhead): Promise<number> {
  const front = await parseFront(argv);
  if (front.found === undefined) return answerWithoutCommand(front, io);
  const { found } = front;
  const { command } = await found.entry.load();
  const flags = { ...GLOBAL_FLAGS, ...command.flags };
  const { given, operands } = await parse(flags, front.rest, {
    words: found.words,
    usage: usageOf(found.words, command),
  });
  const all = mergeFlags([front.given, given]);
  if (all.has('help')) return showHelp(io, found, command);
  checkArguments(found.words, command, operands);
  return call(command, { io, ahead, all, operands, words: found.words });
}

interface Call {
  readonly io: Io;
  readonly ahead: DialledAhead | undefined;
  readonly all: GivenFlags;
  readonly operands: readonly string[];
  readonly words: string;
}

async function call(command: CommandSpec, { io, ahead, all, operands, words }: Call): Promise<number> {
  // The certificate that `serve` shows is not one that it shows as a client; the --format of `inspect` is that of all.
  const shared = new Map([...all].filter(([name]) => command.flags[name]?.apart !== true));
  const globals = parseGlobals(flagValues(GLOBAL_FLAGS, shared, words));
  const flags = flagValues(command.flags, all, words);
  const { createContext } = await import('./create-context.ts');
  const context = createContext(io, globals, ahead);
  try {
    return (await command.run(context, operands, flags)) ?? 0;
  } finally {
    await context.close();
  }
}

interface Front {
  readonly given: GivenFlags;
  /** Undefined when the line names a group only, or nothing. */
  readonly found: FoundCommand | undefined;
  /** `image` when the line stops there. */
  readonly group: string | undefined;
  readonly rest: readonly string[];
}

/** The flags before the command and the words of the command. */
async function parseFront(argv: readonly string[]): Promise<Front> {
  const flags = { ...GLOBAL_FLAGS, ...ROOT_FLAGS };
  const { given, operands } = await parse(flags, argv, { words: '', stopAtOperand: true });
  const [first, ...rest] = operands;
  if (first === undefined) return { given, found: undefined, group: undefined, rest };
  const single = findCommand(first);
  if (single && !isGroup(first)) return { given, found: single, group: undefined, rest };
  if (!isGroup(first)) throw unknownCommand(first);
  return parseGroup(first, given, rest);
}

/** `image`, perhaps flags, and the second word. */
async function parseGroup(group: string, before: GivenFlags, tokens: readonly string[]): Promise<Front> {
  const single = findCommand(group);
  const [word] = tokens;
  const double = word === undefined ? undefined : findCommand(`${group} ${word}`);
  if (double) return { given: before, found: double, group, rest: tokens.slice(1) };
  if (single) return { given: before, found: single, group: undefined, rest: tokens };
  const { given, operands } = await parse(GLOBAL_FLAGS, tokens, { words: group, stopAtOperand: true });
  const merged = mergeFlags([before, given]);
  const [second, ...rest] = operands;
  if (second === undefined) return { given: merged, found: undefined, group, rest };
  const found = findCommand(`${group} ${second}`);
  if (!found) throw unknownCommand(`${group} ${second}`);
  return { given: merged, found, group, rest };
}

async function answerWithoutCommand({ given, group }: Front, io: Io): Promise<number> {
  const { groupHelp, mainHelp } = await import('./help.ts');
  if (given.has('version')) {
    const { versionLine } = await import('./version.ts');
    io.stdout.write(versionLine());
    return 0;
  }
  io.stdout.write(group === undefined ? mainHelp() : groupHelp(group));
  return 0;
}

async function showHelp(io: Io, found: FoundCommand, command: CommandSpec): Promise<number> {
  const { commandHelp } = await import('./help.ts');
  io.stdout.write(commandHelp(found, command));
  return 0;
}

interface ParseOptions {
  readonly words: string;
  readonly usage?: string | undefined;
  /** Flags after the first operand belong to somebody else. */
  readonly stopAtOperand?: boolean | undefined;
}

interface Parsed {
  readonly given: GivenFlags;
  readonly operands: readonly string[];
}

async function parse(
  flags: Readonly<Record<string, FlagSpec>>,
  tokens: readonly string[],
  options: ParseOptions,
): Promise<Parsed> {
  const given = new Map<string, string[]>();
  const normalized = [...normalizeTokens(flags, tokens)];
  if (!hasFlags(normalized, options)) return { given, operands: normalized };
  const { Command, Option } = await import('commander');
  const missing = (error: CommanderError): never => {
    const [, flag = ''] = /'(?:-\w, )?(--?[^ ']+)/.exec(error.message) ?? [];
    throw usageError(`flag needs an argument: ${flag}`, options);
  };
  const parser = new Command()
    .helpOption(false)
    .exitOverride(missing)
    .configureOutput({ outputError: () => undefined });
  if (options.stopAtOperand) parser.passThroughOptions();
  for (const [name, flag] of Object.entries(flags)) {
    if (!mayMean(normalized, name, flag)) continue;
    parser.addOption(new Option(flagPattern(name, flag)));
    parser.on(`option:${name}`, (value?: string) => given.set(name, [...(given.get(name) ?? []), value ?? 'true']));
  }
  const { operands, unknown } = parser.parseOptions(normalized);
  const [stranger] = unknown;
  if (stranger !== undefined) throw unknownFlag(stranger, Object.keys(flags), options);
  return { given, operands };
}

/** Most command lines have no flags, and then the parser of flags is not worth loading. */
function hasFlags(tokens: readonly string[], { stopAtOperand }: ParseOptions): boolean {
  const [first = ''] = tokens;
  return stopAtOperand ? first.startsWith('-') : tokens.some((token) => token.startsWith('-'));
}

/** Whether a flag is among the tokens, perhaps with others of one letter: `-qD`. The parser need not know of any other. */
function mayMean(tokens: readonly string[], name: string, { short }: FlagSpec): boolean {
  return tokens.some((token) => {
    if (token.startsWith('--')) return token === `--${name}` || token.startsWith(`--${name}=`);
    return short !== undefined && token.startsWith('-') && token.includes(short);
  });
}

/** `-o, --output <FILE>` as commander wants it. */
function flagPattern(name: string, flag: FlagSpec): string {
  const label = flagLabel(name, { ...flag, value: undefined }).trim();
  return flag.kind === 'boolean' ? label : label.replace(/ \S+$/, ' <value>');
}

function unknownFlag(token: string, names: readonly string[], options: ParseOptions): HubError {
  const [flag = token] = token.split('=');
  if (!flag.startsWith('--')) return usageError(`unknown shorthand flag: '${flag.slice(1, 2)}' in ${flag}`, options);
  const near = nearest(flag.slice(2), names);
  return usageError(`unknown flag: ${flag}`, { ...options, hint: near && `did you mean --${near}?` });
}

function unknownCommand(words: string): HubError {
  const near = nearest(words, allWords());
  const [group = ''] = words.includes(' ') ? words.split(' ') : [];
  return usageError(`unknown command: hubctl ${words}`, {
    words: group,
    hint: near && `did you mean 'hubctl ${near}'?`,
  });
}
