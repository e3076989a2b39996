// What is one thing that is fuzzed, and what has to hold whatever it is given?
import type { ErrorCode } from '../../src/errors.ts';
import type { Chance } from './chance.ts';

export interface Target {
  readonly name: string;
  /** Bytes of an input. */
  readonly limit: number;
  /** Executions of the long form. */
  readonly executions: number;
  /** Milliseconds an input may take, 100 by default. */
  readonly longest?: number;
  /** Inputs that are tried at the same time: for what mostly waits. */
  readonly together?: number;
  /** Where inputs come from, besides the corpus. */
  readonly seeds: readonly (string | Buffer)[];
  /** Pieces that mean something to it. */
  readonly words: readonly string[];
  /** An input with the right structure and strange parts. */
  readonly make?: (chance: Chance) => Buffer | string;
  /** Codes of errors that it may answer with; any other error is a finding. */
  readonly codes: readonly ErrorCode[];
  /**
   * Does it once, and throws when something does not hold that always has to. What it gives tells inputs apart that are
   * worth to go on with. Depends on nothing but the input.
   */
  readonly run: (input: Buffer) => string | undefined | Promise<string | undefined>;
}
