// How are very many lines written, each as soon as the others leave time for it?
import { safeText } from '../../util/text.ts';
import type { OutputStream } from '../io.ts';

/** Characters that are written together; a write of its own for each line takes longer than to make it. */
const BATCH = 16_384;

/**
 * Writes texts as lines, control characters made visible, as they come: together what comes in one turn of the event loop, and no faster than they are taken.
 * Throws what `texts` throws, after those that came before.
 */
export async function writeLines(stream: OutputStream, texts: AsyncIterable<readonly string[]>): Promise<void> {
  let lines = '';
  let soon: NodeJS.Immediate | undefined;
  const flush = (): boolean => {
    clearImmediate(soon);
    soon = undefined;
    const gathered = lines;
    lines = '';
    return gathered === '' || stream.write(gathered);
  };
  try {
    for await (const some of texts) {
      lines += some.map((text) => `${safeText(text)}\n`).join('');
      if (lines.length < BATCH) soon ??= setImmediate(flush);
      else if (!flush()) await drained(stream);
    }
  } finally {
    flush();
  }
}

/**
 * Lines that are written together when the turn of the event loop ends, or is told to end by `flush`: where there are hundreds
 * of them, each write has its price.
 */
export function gatherLines(write: (lines: string) => void): {
  readonly line: (text: string) => void;
  readonly flush: () => void;
} {
  const lines: string[] = [];
  let soon: NodeJS.Immediate | undefined;
  const flush = (): void => {
    clearImmediate(soon);
    soon = undefined;
    if (lines.length > 0) write(lines.splice(0).join('\n'));
  };
  return {
    flush,
    line: (text) => {
      lines.push(text);
      soon ??= setImmediate(flush);
    },
  };
}

/** Also ends when nobody will ever take anything. */
function drained(stream: OutputStream): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'error', 'close'] as const;
    const end = (): void => {
      for (const event of events) stream.off(event, end);
      resolve();
    };
    for (const event of events) stream.on(event, end);
  });
}
