// Which words of a command line are flags, which are their values, and which are operands?
import type { HubError } from '../errors.ts';
import type { FlagSpec } from './command.ts';
import { normalizeTokens, type GivenFlags } from './flags.ts';
import { nearest } from './suggest.ts';
import { usageError } from './usage.ts';

export interface ParseOptions {
  /** The words of the command, for errors. */
  readonly words: string;
  readonly usage?: string | undefined;
  /** Flags after the first operand belong to somebody else. */
  readonly stopAtOperand?: boolean | undefined;
}

export interface Parsed {
  readonly given: GivenFlags;
  readonly operands: readonly string[];
}

const NEGATIVE_NUMBER = /^-(?:\d+|\d*\.\d+)(?:e[+-]?\d+)?$/;

/**
 * Takes the flags out of `tokens`, in the ways of docker and of POSIX: `--name value`, `--name=value`, `-n value`, `-nvalue`,
 * `-abc` for three of them, and nothing but operands after `--`. A flag with a value takes the next word, whatever that is.
 * Throws USAGE for a flag that is not known, or has no value.
 */
export function parse(
  flags: Readonly<Record<string, FlagSpec>>,
  tokens: readonly string[],
  options: ParseOptions,
): Parsed {
  const parser = new Parser(flags, [...normalizeTokens(flags, tokens)], options);
  while (parser.next());
  const [stranger] = parser.strangers;
  if (stranger !== undefined) throw unknownFlag(stranger, Object.keys(flags), options);
  return parser;
}

class Parser implements Parsed {
  readonly given = new Map<string, string[]>();
  readonly operands: string[] = [];
  /** Flags that are not known, which are told when no flag lacks its value. */
  readonly strangers: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #flags: Readonly<Record<string, FlagSpec>>;
  readonly #tokens: string[];
  readonly #options: ParseOptions;

  constructor(flags: Readonly<Record<string, FlagSpec>>, tokens: string[], options: ParseOptions) {
    this.#flags = flags;
    this.#tokens = tokens;
    this.#options = options;
    for (const [name, { short }] of Object.entries(flags)) {
      this.#names.set(`--${name}`, name);
      if (short !== undefined) this.#names.set(`-${short}`, name);
    }
  }

  /** Takes one word, with its value. False at the end. */
  next(): boolean {
    const token = this.#tokens.shift();
    if (token === undefined) return false;
    if (token === '--') this.operands.push(...this.#tokens.splice(0));
    else if (!this.#takeFlag(token)) this.#takeOther(token);
    return true;
  }

  #takeFlag(token: string): boolean {
    if (token.length < 2 || !token.startsWith('-')) return false;
    const name = this.#names.get(token);
    if (name !== undefined) this.#add(name, this.#takesValue(name) ? this.#value(name) : 'true');
    return name !== undefined || (token.startsWith('--') ? this.#takeJoined(token) : this.#takeGroup(token));
  }

  /** `-nvalue`, or the first of `-abc`. */
  #takeGroup(token: string): boolean {
    const name = token.length > 2 ? this.#names.get(token.slice(0, 2)) : undefined;
    if (name === undefined) return false;
    const rest = token.slice(2);
    if (this.#takesValue(name)) this.#add(name, rest);
    else this.#add(name, 'true');
    if (!this.#takesValue(name)) this.#tokens.unshift(`-${rest}`);
    return true;
  }

  /** `--name=value`. */
  #takeJoined(token: string): boolean {
    const end = token.indexOf('=');
    const name = end === -1 ? undefined : this.#names.get(token.slice(0, end));
    if (name === undefined || !this.#takesValue(name)) return false;
    this.#add(name, token.slice(end + 1));
    return true;
  }

  #takeOther(token: string): void {
    const isFlag = token.length > 1 && token.startsWith('-') && !NEGATIVE_NUMBER.test(token);
    if (isFlag) this.strangers.push(token);
    else this.operands.push(token);
    if (this.#options.stopAtOperand) this.operands.push(...this.#tokens.splice(0));
  }

  #takesValue(name: string): boolean {
    return this.#flags[name]?.kind !== 'boolean';
  }

  #value(name: string): string {
    const value = this.#tokens.shift();
    if (value === undefined) throw usageError(`flag needs an argument: --${name}`, this.#options);
    return value;
  }

  #add(name: string, value: string): void {
    this.given.set(name, [...(this.given.get(name) ?? []), value]);
  }
}

function unknownFlag(token: string, names: readonly string[], options: ParseOptions): HubError {
  const [flag = token] = token.split('=');
  if (!flag.startsWith('--')) return usageError(`unknown shorthand flag: '${flag.slice(1, 2)}' in ${flag}`, options);
  const near = nearest(flag.slice(2), names);
  return usageError(`unknown flag: ${flag}`, { ...options, hint: near && `did you mean --${near}?` });
}
