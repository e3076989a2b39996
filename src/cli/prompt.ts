// How is somebody at the terminal asked?
import { StringDecoder } from 'node:string_decoder';
import { HubError } from '../errors.ts';
import { safeText } from '../util/text.ts';
import type { Io } from './io.ts';

/** Characters of an answer; more is no answer of a person. */
const LONGEST = 65_536;

export interface AskOptions {
  /** What an empty answer means; shown in parentheses. */
  readonly default?: string | undefined;
  /** What to do instead where there is no terminal. */
  readonly hint?: string | undefined;
}

/** Asks for a line. Throws USAGE without a terminal or at the end of input, ABORTED when interrupted. */
export async function ask(io: Io, question: string, options: AskOptions = {}): Promise<string> {
  requireTerminal(io, question, options);
  const suffix = options.default === undefined ? '' : ` (${safeText(options.default)})`;
  io.stderr.write(`${safeText(question)}${suffix}: `);
  const answer = (await readLine(io, { secret: false })).trim();
  return answer === '' ? (options.default ?? '') : answer;
}

/** Asks for a line that is not shown while it is typed. Blanks in it count. Throws as `ask` does. */
export async function askSecret(io: Io, question: string, options: AskOptions = {}): Promise<string> {
  requireTerminal(io, question, options);
  // First of all: whoever types fast, or pastes, does so as soon as the question is there.
  io.stdin.setRawMode?.(true);
  try {
    io.stderr.write(`${safeText(question)}: `);
    return await readLine(io, { secret: true });
  } finally {
    io.stdin.setRawMode?.(false);
    io.stderr.write('\n');
  }
}

/** Asks a question that only `y` or `yes` affirms. Throws as `ask` does. */
export async function confirm(io: Io, question: string, options: AskOptions = {}): Promise<boolean> {
  requireTerminal(io, question, options);
  io.stderr.write(`${safeText(question)} [y/N] `);
  const answer = await readLine(io, { secret: false });
  return /^y(?:es)?$/i.test(answer.trim());
}

function requireTerminal(io: Io, question: string, { hint }: AskOptions): void {
  if (io.signal.aborted) throw io.signal.reason as HubError;
  if (io.stdin.isTTY === true) return;
  throw new HubError('USAGE', `cannot ask "${question}": the input is not a terminal`, { hint });
}

/** Reads up to the end of a line. What was typed or pasted after it stays for the next question. */
function readLine({ stdin, stderr, signal }: Io, { secret }: { secret: boolean }): Promise<string> {
  const line = new TypedLine(secret);
  const decoder = new StringDecoder('utf8');
  return new Promise<string>((resolve, reject) => {
    const settle = (end: () => void): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.off('error', onError);
      signal.removeEventListener('abort', onAbort);
      stdin.pause();
      end();
    };
    const give = (error: HubError): void => {
      // What is told next shall not follow the question on its line; askSecret ends the line itself.
      if (!secret) stderr.write('\n');
      settle(() => reject(error));
    };
    const onAbort = (): void => give(signal.reason as HubError);
    const onError = (error: Error): void =>
      give(new HubError('USAGE', `cannot read the answer: ${error.message}`, { cause: error }));
    const onEnd = (): void => give(new HubError('USAGE', 'the input ended before the answer'));
    const onData = (chunk: Buffer | string): void => {
      const rest = line.type(typeof chunk === 'string' ? chunk : decoder.write(chunk));
      if (line.state === 'open') return;
      if (line.state === 'done') settle(() => resolve(line.text));
      else if (line.state === 'ended') onEnd();
      else give(new HubError('ABORTED', 'interrupted at the prompt', { details: { signal: 'SIGINT' } }));
      if (rest !== '') stdin.unshift(Buffer.from(rest));
    };
    if (stdin.readableEnded) return onEnd();
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.on('error', onError);
    signal.addEventListener('abort', onAbort);
    stdin.resume();
  });
}

type LineState = 'open' | 'done' | 'ended' | 'interrupted';

const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const CONTROL_U = '\u0015';
const BACKSPACES = new Set(['\b', '\u007F']);
/** Cursor keys, and the marks around pasted text where a terminal sends them. */
const ESCAPES = /^\u001B(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z]|)/;

/** A line while it is typed. In raw mode editing keys arrive as characters; otherwise the terminal has dealt with them. */
class TypedLine {
  readonly #raw: boolean;
  #characters: string[] = [];
  state: LineState = 'open';

  constructor(raw: boolean) {
    this.#raw = raw;
  }

  get text(): string {
    return this.#characters.join('');
  }

  /** Takes characters up to the end of the line; gives those after it. */
  type(typed: string): string {
    let rest = typed;
    while (rest !== '' && this.state === 'open') {
      const escape = this.#raw ? ESCAPES.exec(rest) : null;
      const character = escape?.[0] ?? String.fromCodePoint(rest.codePointAt(0) ?? 0);
      rest = rest.slice(character.length);
      // The line feed of a pasted `\r\n` is no line of its own.
      if (this.#raw && character === '\r' && rest.startsWith('\n')) rest = rest.slice(1);
      if (!escape) this.#take(character);
    }
    return rest;
  }

  #take(character: string): void {
    if (character === '\n' || (this.#raw && character === '\r')) this.state = 'done';
    else if (!this.#raw) this.#add(character);
    else if (character === CONTROL_C) this.state = 'interrupted';
    else if (character === CONTROL_D) this.state = this.#characters.length === 0 ? 'ended' : 'done';
    else if (character === CONTROL_U) this.#characters = [];
    else if (BACKSPACES.has(character)) this.#characters.pop();
    else if (character >= ' ') this.#add(character);
  }

  #add(character: string): void {
    if (character !== '\r' && this.#characters.length < LONGEST) this.#characters.push(character);
  }
}
