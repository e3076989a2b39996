// What does a command declare, so that parsing, help and completion need nothing else?
import type { Context } from './context.ts';

export type FlagKind = 'boolean' | 'string' | 'number' | 'strings';

export interface FlagSpec {
  /** `strings` may be given several times. */
  readonly kind: FlagKind;
  readonly short?: string | undefined;
  /** Placeholder of the value in help, such as `FILE`. */
  readonly value?: string | undefined;
  readonly help: string;
  readonly choices?: readonly string[] | undefined;
  /** Parsed but not shown in help: old spellings. */
  readonly hidden?: boolean | undefined;
  /** Means something else than the flag of this name that every command has, and does not count as that. */
  readonly apart?: boolean | undefined;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean | undefined;
  /** The last argument may take many values. */
  readonly many?: boolean | undefined;
}

type FlagValue<Kind extends FlagKind> = {
  boolean: boolean;
  string: string | undefined;
  number: number | undefined;
  strings: readonly string[];
}[Kind];

export type FlagValues<Flags extends Readonly<Record<string, FlagSpec>>> = {
  readonly [Name in keyof Flags]: FlagValue<Flags[Name]['kind']>;
};

export interface Example {
  readonly command: string;
  readonly does: string;
}

/** `run` gives the exit status, 0 when it gives nothing. */
export interface CommandSpec<Flags extends Readonly<Record<string, FlagSpec>> = Readonly<Record<string, FlagSpec>>> {
  /** The words after `hubctl`: `pull`, `image ls`. */
  readonly name: string;
  readonly summary: string;
  /** Paragraphs shown by --help after the summary. */
  readonly details?: string | undefined;
  readonly arguments: readonly ArgumentSpec[];
  /** Keys are the long names in kebab case. */
  readonly flags: Flags;
  readonly examples: readonly Example[];
  run(context: Context, args: readonly string[], flags: FlagValues<Flags>): Promise<number | void>;
}

/** Keeps the types of the flags from their declaration to `run`. */
export function defineCommand<const Flags extends Readonly<Record<string, FlagSpec>>>(
  spec: CommandSpec<Flags>,
): CommandSpec {
  return spec;
}
