// What does standard input hold, when a command wants all of it at once?
import { addAbortSignal } from 'node:stream';
import { HubError } from '../errors.ts';
import type { Io } from './io.ts';

/** Bytes of a password, or of what docker sends to a credential helper. */
const LIMIT = 1024 * 1024;

/** All of standard input as text. Throws USAGE for more than 1 MiB, the signal's reason. */
export async function readInput({ stdin, signal }: Pick<Io, 'stdin' | 'signal'>): Promise<string> {
  let text = '';
  try {
    for await (const chunk of addAbortSignal(signal, stdin).setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > LIMIT) throw new HubError('USAGE', 'standard input holds more than 1 MiB');
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
  return text;
}
