// May this stream show colour, and how is a text coloured?
import type { Io, OutputStream } from '../io.ts';

export type Tone = 'good' | 'bad' | 'caution' | 'quiet' | 'strong';
export type Style = (tone: Tone, text: string) => string;

const CHALK_TONES = { good: 'green', bad: 'red', caution: 'yellow', quiet: 'dim', strong: 'bold' } as const;

/** Text as it is. */
export const plainStyle: Style = (_tone, text) => text;

/** NO_COLOR [no-color.org] wins over FORCE_COLOR, which wins over what the terminal says. */
export function colorAllowed(env: Io['env'], stream: OutputStream): boolean {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Loads the colours only where they will be used. */
export async function loadStyle(env: Io['env'], stream: OutputStream): Promise<Style> {
  if (!colorAllowed(env, stream)) return plainStyle;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return (tone, text) => chalk[CHALK_TONES[tone]](text);
}
