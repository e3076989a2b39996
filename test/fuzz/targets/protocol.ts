// Is every answer on a connection read as its sender meant it, or refused?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { HubError } from '../../../src/errors.ts';
import { AnswerReader, type AnswerListener } from '../../../src/http/answer.ts';
import { systemClock } from '../../../src/http/clock.ts';
import { Exchange } from '../../../src/http/exchange.ts';
import type { HttpMethod } from '../../../src/http/layer.ts';
import { Wire } from '../../../src/http/wire.ts';
import { Chance, seedOf } from '../chance.ts';
import type { Target } from '../target.ts';

interface Message {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  body: string;
  done: boolean;
}

interface Reading {
  readonly messages: Message[];
  /** The reader refused what came then. */
  readonly error?: unknown;
  readonly odd: boolean;
}

function readOurs(input: Buffer, cuts: readonly number[], pauses: boolean): Reading {
  const messages: Message[] = [];
  let keeps = true;
  const listener: AnswerListener = {
    // Nobody listens any more once the connection is not to be used again.
    onHead: (status, headers) => {
      if (!keeps) return false;
      const pairs = Object.entries(headers).flatMap(([name, value]) =>
        [value ?? []].flat().map((text) => [name, text] as const),
      );
      messages.push({ status, headers: pairs, body: '', done: status < 200 });
      return false;
    },
    onBody: (bytes) => {
      ok(bytes.length > 0, 'an empty piece of a body');
      if (!keeps) return;
      messages.at(-1)!.body += Buffer.from(bytes).toString('latin1');
      if (pauses) reader.paused = true;
    },
    onEnd: (keepsOn, idle) => {
      if (!keeps) return;
      messages.at(-1)!.done = true;
      ok(idle === undefined || (Number.isSafeInteger(idle) && idle >= 0));
      if (!keepsOn) keeps = false;
    },
  };
  const reader: AnswerReader = new AnswerReader(listener);
  const feed = (piece: Buffer): void => {
    for (let position = 0; position < piece.length || reader.paused;) {
      reader.paused = false;
      position = reader.feed(piece, position);
    }
  };
  let at = 0;
  try {
    for (const end of [...cuts, input.length]) {
      if (keeps) feed(Buffer.from(input.subarray(at, end)));
      at = end;
    }
  } catch (error) {
    if (keeps) return { messages, error, odd: HubError.is(error) && error.details['odd'] === true };
  }
  if (!keeps) return { messages, odd: false };
  if (reader.close()) ok(messages.at(-1)!.done);
  return { messages, odd: false };
}

interface NodeParser {
  [key: number]: unknown;
  initialize(type: number, resource: object, maxHeaderSize: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): unknown;
  close(): void;
}
interface NodeParserClass {
  new (): NodeParser;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
// What node:http reads answers with (llhttp, as strict as it is by default).
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as { HTTPParser: NodeParserClass };

function readNodes(input: Buffer): readonly Message[] {
  const messages: Message[] = [];
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {}, 1024 * 1024);
  let spread: string[] = [];
  parser[HTTPParser.kOnHeaders] = (raw: string[]): void => {
    spread.push(...raw);
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    ...[, , raw, , , status]: [number, number, string[] | undefined, number, string, number]
  ): number => {
    const all = [...spread, ...(raw ?? [])];
    spread = [];
    const headers = all.flatMap((name, index): (readonly [string, string])[] =>
      index % 2 === 0 ? [[name.toLowerCase(), Buffer.from(all[index + 1]!, 'latin1').toString('utf8')]] : [],
    );
    messages.push({ status, headers, body: '', done: false });
    // As node:http does; by itself the parser would take a body after 204 when a length is given (RFC 9112 6.3).
    return status < 200 || status === 204 || status === 304 ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (bytes: Buffer): void => {
    messages.at(-1)!.body += bytes.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    messages.at(-1)!.done = true;
  };
  const result = parser.execute(input);
  if (!(result instanceof Error)) parser.finish();
  parser.close();
  return messages;
}

/** Grouped by name, as ours are. */
function grouped(headers: Message['headers']): readonly (readonly [string, readonly string[]])[] {
  const groups = new Map<string, string[]>();
  for (const [name, value] of headers)
    groups.set(name, [...(groups.get(name) ?? []), value.replaceAll(/^[ \t]+|[ \t]+$/g, '')]);
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * llhttp wants no tab after a length, which RFC 9112 allows like a blank, nothing after a chunk's size, where old servers
 * pad, and its extensions to be well-formed, which nobody reads.
 */
const ONLY_OURS = /content-length:[ \t]*\d+ *\t|\n[0-9a-f]+(?:[ \t]+[;\r]|;(?![\w.-]+(?:=[\w.-]+)?\r))/i;

function checkAgainstNode(input: Buffer, ours: Reading): void {
  if (ONLY_OURS.test(input.toString('latin1'))) return;
  const nodes = readNodes(input);
  for (const [index, message] of ours.messages.entries()) {
    const other = nodes[index];
    // What is refused in the middle may have been told in part.
    if (!message.done && ours.error !== undefined && other === undefined) return;
    // To llhttp the end of a connection after an informational answer is the end, although another answer has to follow.
    if (other === undefined && ours.messages[index - 1]!.status < 200) return;
    ok(other, `message ${index} is none for node:http`);
    same(message.status, other.status);
    same(grouped(message.headers), grouped(other.headers));
    if (message.done) same(message.body, other.body);
  }
}

function runAnswer(input: Buffer): string {
  const chance = new Chance(seedOf(input));
  const whole = readOurs(input, [], false);
  if (whole.error !== undefined && !HubError.is(whole.error)) throw whole.error;
  const count = chance.below(8);
  const cuts = Array.from({ length: count }, () => chance.below(input.length + 1)).toSorted((a, b) => a - b);
  const pieces = readOurs(input, cuts, chance.once(2));
  same(pieces.messages, whole.messages);
  same(pieces.error === undefined, whole.error === undefined);
  checkAgainstNode(input, whole);
  if (whole.error !== undefined) {
    if (whole.odd && whole.messages.length === 1) ok(whole.messages[0]!.done || whole.messages[0]!.status < 200);
    throw whole.error;
  }
  return `${Math.min(whole.messages.length, 4)} ${whole.messages.at(-1)?.done} ${whole.messages.some(({ body }) => body !== '')} ${whole.messages.at(-1)?.status}`;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const ANSWERS = [
  `${OK}Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello`,
  `${OK}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\ntrailer: z\r\n\r\n`,
  `HTTP/1.1 204 No Content\r\n\r\n${OK}content-length: 2\r\nkeep-alive: timeout=5\r\n\r\nok`,
  `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}connection: close\r\n\r\nto the end`,
  `HTTP/1.1 401 \r\nwww-authenticate: Bearer realm="x"\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n`,
  'HTTP/1.1 304 Not Modified\r\netag: "x"\r\ncontent-length: 100\r\n\r\n',
  `HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/9\r\ncontent-length: 2\r\n\r\nab${OK}\r\n`,
  'HTTP/1.0 200 OK\r\n\r\n',
];
const WORDS = [
  OK,
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  'content-length: ',
  'transfer-encoding: chunked\r\n',
  'transfer-encoding: gzip, chunked\r\n',
  'connection: close\r\n',
  'connection: keep-alive\r\n',
  'keep-alive: timeout=1\r\n',
  'HTTP/1.1 ',
  'HTTP/1.0 ',
  'HTTP/2 ',
  '100 Continue',
  '101 Switching',
  '204',
  '304',
  '0\r\n\r\n',
  '0',
  'a\r\n',
  ';',
  ': ',
  ' :',
  '\t',
  ' ',
  '+',
  '-1',
  '0x',
  'fffffffffffff',
  'x: y\r\n',
  ' folded\r\n',
  '\0',
  '\xff',
  'upgrade: h2c\r\n',
  'content-length: 5\r\n',
  ',',
];

export const answer: Target = {
  name: 'answer',
  limit: 64 * 1024,
  executions: 300_000,
  seeds: ANSWERS,
  words: WORDS,
  codes: ['UNREACHABLE'],
  run: runAnswer,
};

class FakeSocket extends EventEmitter {
  destroyed = false;
  written = 0;
  setKeepAlive = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
  cork = (): void => undefined;
  uncork = (): void => undefined;
  pause = (): this => this;
  resume = (): this => this;
  write = (): boolean => {
    this.written += 1;
    return true;
  };
  destroy = (): this => {
    this.destroyed = true;
    return this;
  };
}

const METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'GET'];

/** Several requests on one connection; each has to end, with what belongs to it or with an error. */
async function runConnection(input: Buffer): Promise<string> {
  const chance = new Chance(seedOf(input));
  const socket = new FakeSocket();
  let odd = 0;
  const wire = new Wire(socket as unknown as Socket, {
    onRoom: () => undefined,
    onClose: (_, unanswered) => {
      for (const { exchange } of unanswered) exchange.fail(new HubError('UNREACHABLE', 'the connection broke'));
    },
  });
  const limits = { clock: systemClock, headersTimeout: 30_000, bodyTimeout: 30_000 };
  const ends = METHODS.map((method): Promise<string> => {
    const exchange = new Exchange({ method, url: new URL('http://registry.example/v2/') }, limits);
    if (wire.isOpen) {
      const onOdd = (): void => {
        odd += 1;
        exchange.fail(new HubError('UNREACHABLE', 'the server sent something odd'));
      };
      wire.send({ exchange, method, head: 'x', expected: 100, headersTimeout: 30_000, bodyTimeout: 30_000, onOdd });
    }
    return endOf(exchange, method);
  });
  for (let at = 0; at < input.length && !socket.destroyed;) {
    const end = chance.once(3) ? input.length : at + 1 + chance.below(input.length - at);
    socket.emit('data', Buffer.from(input.subarray(at, end)));
    if (chance.once(4)) await Promise.resolve();
    at = end;
  }
  // What waits for the reader of a body is read before the end is looked at.
  await new Promise(setImmediate);
  if (!socket.destroyed) socket.emit('end');
  await new Promise(setImmediate);
  socket.emit('close');
  await new Promise(setImmediate);
  ok(socket.destroyed && !wire.isOpen && wire.load === 0, 'a connection that is not over');
  return `${(await Promise.all(ends)).join(' ')} ${odd}`;
}

async function endOf(exchange: Exchange, method: HttpMethod): Promise<string> {
  try {
    const response = await exchange.response;
    let size = 0;
    await response.body.forEach((bytes) => {
      size += bytes.length;
    });
    const length = response.headers.get('content-length');
    const hasBody = method !== 'HEAD' && response.status !== 204 && response.status !== 304;
    if (!hasBody) same(size, 0);
    else if (length !== undefined) same(size, Number(length));
    return String(response.status);
  } catch (error) {
    if (HubError.is(error) && ['UNREACHABLE', 'SERVER_ERROR', 'ABORTED'].includes(error.code)) return error.code;
    throw error;
  }
}

export const connection: Target = {
  name: 'connection',
  together: 32,
  limit: 64 * 1024,
  executions: 200_000,
  seeds: [...ANSWERS, `${ANSWERS[0]}HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n${ANSWERS[1]}`],
  words: WORDS,
  codes: [],
  run: runConnection,
};
