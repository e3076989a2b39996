// What do the values given to flags mean, by the kind each flag declares?
import type { FlagSpec, FlagValues } from './command.ts';
import { usageError } from './usage.ts';

type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Flags as given: each name with its values in order. A boolean that was given has the value `true`. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

/** The values of several parts of a command line, in order. */
export function mergeFlags(parts: readonly GivenFlags[]): GivenFlags {
  const merged = new Map<string, readonly string[]>();
  for (const part of parts) {
    for (const [name, values] of part) merged.set(name, [...(merged.get(name) ?? []), ...values]);
  }
  return merged;
}

/** Values by the kinds the specs declare; of a flag given twice the last counts. Throws USAGE. */
export function flagValues<const Specs extends FlagSpecs>(
  specs: Specs,
  given: GivenFlags,
  words: string,
): FlagValues<Specs> {
  const values = Object.entries(specs).map(([name, spec]) => {
    const texts = given.get(name) ?? [];
    for (const text of texts) checkChoice(name, spec, { text, words });
    return [name, valueOf(name, spec, { texts, words })] as const;
  });
  return Object.fromEntries(values) as FlagValues<Specs>;
}

/** Accepts `--flag=true` and `--flag=false` for flags without a value, and `-f=x` for short ones with one, as docker does. */
export function normalizeTokens(specs: FlagSpecs, tokens: readonly string[]): readonly string[] {
  const end = tokens.indexOf('--');
  const options = end === -1 ? tokens : tokens.slice(0, end);
  const shorts = new Map(Object.values(specs).map((spec) => [spec.short, spec]));
  let result: string[] = [];
  for (const token of options) {
    const [, dashes, name = '', value = ''] = /^(--?)([^=-][^=]*)=(.*)$/s.exec(token) ?? [];
    const spec = dashes === '-' ? shorts.get(name) : specs[name];
    const flag = `${dashes}${name}`;
    if (isSwitchedOff(spec, value)) result = result.filter((known) => known !== flag);
    else result.push(...spelledOut(token, spec, { flag, value }));
  }
  return end === -1 ? result : [...result, ...tokens.slice(end)];
}

function isSwitchedOff(spec: FlagSpec | undefined, value: string): boolean {
  return spec?.kind === 'boolean' && /^(?:false|0)$/i.test(value);
}

function spelledOut(
  token: string,
  spec: FlagSpec | undefined,
  parts: { flag: string; value: string },
): readonly string[] {
  const { flag, value } = parts;
  if (spec?.kind === 'boolean') return /^(?:true|1)$/i.test(value) ? [flag] : [token];
  return spec && !flag.startsWith('--') ? [flag, value] : [token];
}

interface Given {
  readonly texts: readonly string[];
  readonly words: string;
}

function valueOf(
  name: string,
  spec: FlagSpec,
  { texts, words }: Given,
): boolean | string | number | undefined | readonly string[] {
  if (spec.kind === 'strings') return texts;
  if (spec.kind === 'boolean') return texts.length > 0;
  const last = texts.at(-1);
  if (spec.kind === 'string' || last === undefined) return last;
  const number = last.trim() === '' ? Number.NaN : Number(last);
  if (Number.isFinite(number)) return number;
  throw usageError(`invalid value "${last}" for --${name}: want a number`, { words });
}

function checkChoice(name: string, spec: FlagSpec, { text, words }: { text: string; words: string }): void {
  if (!spec.choices || spec.choices.includes(text)) return;
  throw usageError(`invalid value "${text}" for --${name}: want ${alternatives(spec.choices)}`, { words });
}

function alternatives(choices: readonly string[]): string {
  return choices.length < 2 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1) ?? ''}`;
}
