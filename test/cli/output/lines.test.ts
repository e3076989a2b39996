import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { gatherLines, writeLines } from '../../../src/cli/output/lines.ts';
import { FakeOutput } from '../../helpers/terminal.ts';

async function* texts(...all: readonly string[]): AsyncGenerator<readonly string[], void> {
  for (const text of all) yield [text];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Keeps what is written, and takes the next only when it is told to. */
class Slow extends Writable {
  readonly written: string[] = [];
  #done: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    this.#done = done;
  }

  take(): void {
    this.#done?.();
  }
}

test('each text is a line, with its control characters made visible', async () => {
  const output = new FakeOutput();
  await writeLines(output, texts('a', 'b\nc', '\u001B[31md'));
  expect(output.text).toBe('a\nb\\nc\n\\u{1b}[31md\n');
});

test('lines that come together are written together', async () => {
  const stream = new Slow();
  await writeLines(stream, texts('a', 'b', 'c'));
  expect(stream.written).toEqual(['a\nb\nc\n']);
});

test('lines are written as soon as nothing else comes', async () => {
  const output = new FakeOutput();
  const seen: string[] = [];
  const slowly = async function* (): AsyncGenerator<readonly string[], void> {
    yield ['first'];
    await turn();
    seen.push(output.text);
    yield ['second'];
  };
  await writeLines(output, slowly());
  expect([...seen, output.text]).toEqual(['first\n', 'first\nsecond\n']);
});

test('no more is asked for than is taken', async () => {
  const stream = new Slow();
  let asked = 0;
  const many = async function* (): AsyncGenerator<readonly string[], void> {
    for (; asked < 1000; asked += 1) yield ['x'.repeat(100)];
  };
  const writing = writeLines(stream, many());
  for (let at = 0; at < 10; at += 1) await turn();
  expect(asked).toBeLessThan(200);
  while (asked < 1000) {
    stream.take();
    await turn();
  }
  await writing;
});

test('a reader that leaves ends the wait', async () => {
  const stream = new Slow();
  const writing = writeLines(stream, texts(...Array.from({ length: 200 }, () => 'x'.repeat(100))));
  await turn();
  stream.destroy();
  await expect(writing).resolves.toBeUndefined();
});

test('what came before a failure is written', async () => {
  const output = new FakeOutput();
  const failing = async function* (): AsyncGenerator<readonly string[], void> {
    yield ['first'];
    throw new Error('no more');
  };
  await expect(writeLines(output, failing())).rejects.toThrow('no more');
  expect(output.text).toBe('first\n');
});

test('lines of one turn are gathered and written together, in order', async () => {
  const written: string[] = [];
  const { line, flush } = gatherLines((lines) => written.push(lines));
  line('a');
  line('b');
  expect(written).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toEqual(['a\nb']);
  line('c');
  flush();
  flush();
  line('d');
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toEqual(['a\nb', 'c', 'd']);
});
