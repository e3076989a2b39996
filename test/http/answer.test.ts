import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { AnswerReader, type AnswerListener } from '../../src/http/answer.ts';

interface Told {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  body: string;
  end?: string;
}

/** Reads a text cut at these places; `pauses` says after which pieces of a body the reader has to wait for its next turn. */
function readAll(
  text: string,
  { cuts = [], head = false, pauses = false }: { cuts?: readonly number[]; head?: boolean; pauses?: boolean } = {},
): { told: Told[]; reader: AnswerReader } {
  const told: Told[] = [];
  const listener: AnswerListener = {
    onHead: (status, headers) => {
      told.push({ status, headers: { ...headers }, body: '' });
      return head;
    },
    onBody: (bytes) => {
      expect(bytes.length).toBeGreaterThan(0);
      told.at(-1)!.body += Buffer.from(bytes).toString('latin1');
      if (pauses) reader.paused = true;
    },
    onEnd: (keeps, idle) => void (told.at(-1)!.end = `${keeps} ${idle}`),
  };
  const reader: AnswerReader = new AnswerReader(listener);
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].toSorted((a, b) => a - b);
  for (const [index, start] of [0, ...places].entries()) {
    // One buffer for all pieces, as a socket reuses its own.
    const piece = Buffer.from(text.slice(start, places[index]), 'latin1');
    for (let at = reader.feed(piece, 0); at < piece.length || reader.paused;) {
      reader.paused = false;
      at = reader.feed(piece, at);
    }
    piece.fill(0);
  }
  return { told, reader };
}

function oddity(text: string): unknown {
  const told: unknown[] = [];
  const listener: AnswerListener = {
    onHead: (status) => (told.push(status), false),
    onBody: () => undefined,
    onEnd: () => undefined,
  };
  try {
    new AnswerReader(listener).feed(Buffer.from(text, 'latin1'), 0);
  } catch (error) {
    expect(told).toEqual([]);
    return HubError.is(error) && error.details['odd'];
  }
  return undefined;
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('the reader of answers', () => {
  test('tells head, body and end', () => {
    const { told } = readAll(`${OK}Content-Length: 5\r\nX-A:  b \r\nx-a: c\r\n\r\nhello`);
    expect(told).toEqual([
      { status: 200, headers: { 'content-length': '5', 'x-a': ['b', 'c'] }, body: 'hello', end: 'true undefined' },
    ]);
  });

  test('tells answers that follow each other apart', () => {
    const one = `${OK}content-length: 3\r\n\r\none`;
    const { told } = readAll(`${one}HTTP/1.1 204 No Content\r\n\r\n${one}`);
    expect(told.map(({ status, body }) => `${status} ${body}`)).toEqual(['200 one', '204 ', '200 one']);
  });

  test('finds the end of a head that is cut anywhere, before a body with ends of its own', () => {
    const text = `${OK}content-length: 12\r\n\r\n\r\n\r\nHTTP\r\n\r\n`;
    for (let cut = 1; cut < text.length; cut += 1) {
      expect(readAll(text, { cuts: [cut] }).told).toMatchObject([{ status: 200, body: '\r\n\r\nHTTP\r\n\r\n' }]);
    }
  });

  test('makes text of the head alone, whatever has come behind it', () => {
    const head = `${OK}content-length: 100000\r\n\r\n`;
    const bytes = Buffer.from(head + 'x'.repeat(100_000), 'latin1');
    const made = vi.spyOn(bytes, 'toString');
    const reader = new AnswerReader({ onHead: () => false, onBody: () => undefined, onEnd: () => undefined });
    expect(reader.feed(bytes, 0)).toBe(bytes.length);
    expect(made.mock.results.map(({ value }) => value as string)).toEqual([head]);
  });

  test('goes on after informational answers', () => {
    const { told } = readAll(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}content-length: 0\r\n\r\n`);
    expect(told.map(({ status, end }) => `${status} ${end}`)).toEqual(['103 undefined', '200 true undefined']);
  });

  test('reads chunks, whatever their extensions and trailers', () => {
    const { told } = readAll(
      `${OK}transfer-encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\ntrailer: x\r\n\r\n${OK}content-length: 0\r\n\r\n`,
    );
    expect(told.map(({ body, end }) => `${body} ${end}`)).toEqual(['hello! true undefined', ' true undefined']);
  });

  test('reads to the end of the connection when nothing else tells the end', () => {
    const { told, reader } = readAll(`${OK}\r\nall the rest`);
    expect(told[0]).toMatchObject({ body: 'all the rest' });
    expect(told[0]).not.toHaveProperty('end');
    expect(reader.close()).toBe(true);
    expect(told[0]?.end).toBe('false undefined');
  });

  test('does not take the end of a connection for the end of an answer with a length', () => {
    expect(readAll(`${OK}content-length: 10\r\n\r\nhello`).reader.close()).toBe(false);
    expect(readAll(`${OK}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`).reader.close()).toBe(false);
    expect(readAll('').reader.close()).toBe(false);
  });

  test('knows what has no body', () => {
    expect(readAll(`${OK}content-length: 100\r\n\r\n`, { head: true }).told[0]?.end).toBe('true undefined');
    expect(readAll('HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n').told[0]?.end).toBe('true undefined');
  });

  test('says whether and for how long the connection may be used again', () => {
    const end = (header: string): unknown => readAll(`${OK}content-length: 0\r\n${header}\r\n\r\n`).told[0]?.end;
    expect(end('connection: close')).toBe('false undefined');
    expect(end('connection: Upgrade, Close')).toBe('false undefined');
    expect(end('keep-alive: timeout=5, max=100')).toBe('true 5000');
  });

  test('understands the older version, whose connections end with the answer', () => {
    const { told, reader } = readAll('HTTP/1.0 400 Bad Request\r\n\r\nspeak TLS');
    expect(reader.close()).toBe(true);
    expect(told[0]).toMatchObject({ status: 400, body: 'speak TLS', end: 'false undefined' });
    const { told: sized } = readAll('HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold');
    expect(sized[0]).toMatchObject({ body: 'old', end: 'false undefined' });
  });

  test('keeps a connection after an answer that needs no length', () => {
    const { told } = readAll(`HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n`);
    expect(told.map(({ end }) => end)).toEqual(['true undefined', 'true undefined']);
    expect(readAll(`${OK}\r\n`, { head: true }).told[0]?.end).toBe('true undefined');
  });

  test('takes header values beyond ASCII for UTF-8', () => {
    const text = Buffer.from('x: é').toString('latin1');
    expect(readAll(`${OK}${text}\r\ncontent-length: 0\r\n\r\n`).told[0]?.headers['x']).toBe('é');
    const last = Buffer.from('x: voilà').toString('latin1');
    expect(readAll(`${OK}${last} \t\r\ncontent-length: 0\r\n\r\n`).told[0]?.headers['x']).toBe('voilà');
  });
});

describe('an answer that another reader may understand', () => {
  test.each([
    'HTTP/1.0 100 Continue\r\n\r\n',
    'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.2 200 OK\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'ICY 200 OK\r\n\r\n',
    'HTTP/1.1 200\tOK\r\n\r\n',
    'HTTP/1.1 999 x\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    '220 smtp ready\r\n',
    '\u0015\u0003\u0001\u0000\u0002\u0002\u0046',
    `${OK}a: b\r\n c\r\n\r\n`,
    `${OK}a : b\r\n\r\n`,
    `${OK}: b\r\n\r\n`,
    `${OK}a\r\n\r\n`,
    `${OK}a: b\nc: d\r\n\r\n`,
    'HTTP/1.1 200 OK\ncontent-length: 2\n\nok',
    `${OK}a: b\u0000\r\n\r\n`,
    `${OK}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`,
    `${OK}content-length: 5, 5\r\n\r\nhello`,
    `${OK}content-length: -5\r\n\r\n`,
    'HTTP/1.1 103 Early Hints\r\ncontent-length:\r\n\r\n',
    `${OK}content-length: 0x5\r\n\r\nhello`,
    `${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${OK}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${OK}${'a: b\r\n'.repeat(300)}\r\n`,
    `${OK}a: ${'x'.repeat(40_000)}\r\n\r\n`,
  ])('is refused before anything was told: %j', (text) => {
    expect(oddity(text)).toBe(true);
  });

  test.each(['zz\r\n', '\r\n', '-1\r\n', '5\nhello', '1\r\nab\r\n', '1;\u00ae\r\n', `5;${'x'.repeat(5000)}`])(
    'with the broken chunk %j ends there',
    (chunk) => {
      expect(() => readAll(`${OK}transfer-encoding: chunked\r\n\r\n${chunk}`)).toThrow(/the server sent/);
    },
  );
});

describe('however the bytes are cut', () => {
  const body = fc.string({ unit: 'binary-ascii', maxLength: 60 });
  const sized = body.map((text) => `${OK}content-length: ${text.length}\r\n\r\n${text}`);
  const chunked = fc
    .array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }), { maxLength: 4 })
    .map(
      (chunks) =>
        `${OK}transfer-encoding: chunked\r\n\r\n${chunks.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`,
    );
  const answers = fc.array(fc.oneof(sized, chunked), { minLength: 1, maxLength: 4 }).map((all) => all.join(''));

  test('and however often the reader pauses, the same is told', () => {
    fc.assert(
      fc.property(answers, fc.array(fc.nat(500), { maxLength: 30 }), fc.boolean(), (text, cuts, pauses) => {
        expect(readAll(text, { cuts, pauses }).told).toEqual(readAll(text).told);
      }),
    );
  });

  test('and whatever is wrong with them, nothing but a HubError comes of it', () => {
    const damage = fc.tuple(fc.nat(400), fc.string({ unit: 'binary-ascii', maxLength: 3 }), fc.nat(3));
    fc.assert(
      fc.property(answers, fc.array(damage, { minLength: 1, maxLength: 4 }), (text, damages) => {
        let broken = text;
        for (const [place, inserted, removed] of damages) {
          const at = place % (broken.length + 1);
          broken = broken.slice(0, at) + inserted + broken.slice(at + removed);
        }
        try {
          readAll(broken);
        } catch (error) {
          expect(HubError.is(error, 'UNREACHABLE')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
