// Streams of a terminal or a pipe that keep what is written to them, and a screen that shows it.
import { PassThrough, Writable } from 'node:stream';
import { clearLine, cursorTo, moveCursor } from 'node:readline';
import type { InputStream, Io, OutputStream } from '../../src/cli/io.ts';

/** Keeps what is written. As a terminal it can also move its cursor, as ora wants it to. */
export class FakeOutput extends Writable implements OutputStream {
  readonly isTTY: boolean;
  columns: number;
  rows: number;
  readonly #chunks: Buffer[] = [];

  constructor(options: { tty?: boolean; columns?: number; rows?: number } = {}) {
    super({ decodeStrings: true });
    this.isTTY = options.tty ?? false;
    this.columns = options.columns ?? 80;
    this.rows = options.rows ?? 24;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  cursorTo(x: number): boolean {
    return cursorTo(this, x);
  }

  moveCursor(dx: number, dy: number): boolean {
    return moveCursor(this, dx, dy);
  }

  clearLine(direction: -1 | 0 | 1): boolean {
    return clearLine(this, direction);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1);
  }

  resize(columns: number): void {
    this.columns = columns;
    this.emit('resize');
  }
}

/** Keys typed by somebody; remembers whether echo was off. */
export class FakeInput extends PassThrough implements InputStream {
  readonly isTTY: boolean;
  readonly rawModes: boolean[] = [];

  constructor(options: { tty?: boolean } = {}) {
    super();
    this.isTTY = options.tty ?? false;
  }

  setRawMode(raw: boolean): this {
    this.rawModes.push(raw);
    return this;
  }
}

export interface FakeIo extends Io {
  readonly stdin: FakeInput;
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
}

export interface FakeIoOptions {
  readonly network?: Io['network'];
  readonly env?: Readonly<Record<string, string>>;
  readonly home?: string;
  readonly cwd?: string;
  readonly tty?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly signal?: AbortSignal;
}

export function fakeIo(options: FakeIoOptions = {}): FakeIo {
  const { tty = false, home = '/nowhere', cwd = home, env = {} } = options;
  const size = { tty, columns: options.columns ?? 80, rows: options.rows ?? 24 };
  return {
    env: { HOME: home, ...env },
    cwd,
    home,
    platform: 'linux',
    arch: 'x64',
    nodeVersion: 'v20.20.2',
    network: options.network,
    stdin: new FakeInput({ tty }),
    stdout: new FakeOutput(size),
    stderr: new FakeOutput(size),
    signal: options.signal ?? new AbortController().signal,
  };
}

/** What a terminal shows after this text: the rows from the top, blanks at their ends removed. Lines do not wrap. */
export function screenOf(text: string): readonly string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  for (const [token, parameter = '', command = ''] of text.matchAll(/\u001B\[(\??[\d;]*)([A-Za-z])|[^]/gu)) {
    if (token === '\n') {
      row += 1;
      column = 0;
    } else if (token === '\r') column = 0;
    else if (command === 'A') row = Math.max(0, row - Number(parameter || 1));
    else if (command === 'G') column = Number(parameter || 1) - 1;
    else if (command === 'K') rows[row]?.splice(parameter === '2' ? 0 : column);
    else if (command === '') {
      const line = rows[row] ?? [];
      while (line.length < column) line.push(' ');
      line[column] = token;
      column += 1;
    }
    while (rows.length <= row) rows.push([]);
  }
  return rows.map((line) => line.join('').trimEnd());
}
