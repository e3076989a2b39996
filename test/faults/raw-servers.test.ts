// Does a pull work from servers that speak HTTP as few do? Each answer is written byte by byte.
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';
import { newWorkplace } from '../helpers/workplace.ts';
import { serveRaw } from '../helpers/web.ts';
import { testImage } from './image.ts';

const image = testImage(700 * 1024);

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly method: string;
}

/** How a server writes an answer, and whether it closes then. */
interface Manner {
  readonly write: (socket: Socket, answer: Answer) => void;
  /** 0, or 6 where what is written is no HTTP that anybody has to read. */
  readonly statuses: readonly number[];
}

function head({ status, type, body }: Answer, version = '1.1'): string {
  return `HTTP/${version} ${status} X\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
}

function bodyOf({ method, body }: Answer): Buffer {
  return method === 'HEAD' ? Buffer.alloc(0) : body;
}

function whole(socket: Socket, text: string, answer: Answer, close = false): void {
  socket.write(Buffer.concat([Buffer.from(text, 'latin1'), bodyOf(answer)]));
  if (close) socket.end();
}

const MANNERS: Readonly<Record<string, Manner>> = {
  'HTTP/1.0, whose answers end with the connection': {
    statuses: [0],
    write: (socket, answer) =>
      whole(socket, `HTTP/1.0 ${answer.status} X\r\nContent-Type: ${answer.type}\r\n\r\n`, answer, true),
  },
  'HTTP/1.0 that keeps connections': {
    statuses: [0],
    write: (socket, answer) => whole(socket, `${head(answer, '1.0')}Connection: keep-alive\r\n\r\n`, answer),
  },
  'HTTP/1.1 without kept connections': {
    statuses: [0],
    write: (socket, answer) => whole(socket, `${head(answer)}Connection: close\r\n\r\n`, answer, true),
  },
  'HTTP/1.1 that closes and does not say so': {
    statuses: [0],
    write: (socket, answer) => whole(socket, `${head(answer)}\r\n`, answer, true),
  },
  'header names in lower case and values with blanks around them': {
    statuses: [0],
    write: (socket, answer) => {
      const { status, type, body } = answer;
      whole(
        socket,
        `HTTP/1.1 ${status} \r\ncontent-type:${type}  \r\ncontent-length:   ${body.length}\t\r\n\r\n`,
        answer,
      );
    },
  },
  'header names in upper case and a header it has made up': {
    statuses: [0],
    write: (socket, answer) => {
      const { status, type, body } = answer;
      const text = `HTTP/1.1 ${status} OK\r\nCONTENT-TYPE: ${type}\r\nX-\xe9: \xff\r\nCONTENT-LENGTH: ${body.length}\r\n\r\n`;
      whole(socket, text.replace('X-\xe9', 'X-!#$'), answer);
    },
  },
  'a header over two lines': {
    statuses: [0, 6],
    write: (socket, answer) => whole(socket, `${head(answer)}X-Long: one,\r\n two\r\n\r\n`, answer),
  },
  'lines that end with a line feed alone': {
    statuses: [0, 6],
    write: (socket, answer) => whole(socket, `${head(answer)}\r\n`.replaceAll('\r\n', '\n'), answer),
  },
  'early hints before each answer': {
    statuses: [0],
    write: (socket, answer) =>
      whole(socket, `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(5)}${head(answer)}\r\n`, answer),
  },
  'hints without end': {
    statuses: [6],
    write: (socket) => void socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(500)),
  },
  'pieces with notes, and headers behind the last one': {
    statuses: [0],
    write: (socket, answer) => {
      const { status, type } = answer;
      const body = bodyOf(answer);
      const lines = `HTTP/1.1 ${status} OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const pieces = [body.subarray(0, 10), body.subarray(10)].filter(({ length }) => length > 0);
      const chunks = pieces.flatMap((piece) => [
        Buffer.from(`${piece.length.toString(16).toUpperCase()};note="x"\r\n`),
        piece,
        Buffer.from('\r\n'),
      ]);
      const end = answer.method === 'HEAD' ? '' : '0\r\nX-Checksum: 1\r\n\r\n';
      socket.write(Buffer.concat([Buffer.from(lines), ...chunks, Buffer.from(end)]));
    },
  },
  'an answer that comes byte by byte at its beginning': {
    statuses: [0],
    write: (socket, answer) => {
      socket.setNoDelay(true);
      for (const byte of `${head(answer)}\r\n`) socket.write(byte);
      socket.write(bodyOf(answer));
    },
  },
};

function answerTo(method: string, path: string): Answer {
  const digest = /sha256:[0-9a-f]{64}/.exec(path)?.[0];
  const blob = image.blobs.find(({ descriptor }) => descriptor.digest === digest);
  if (path.includes('/manifests/')) return { method, status: 200, type: MEDIA_TYPES.ociManifest, body: image.manifest };
  if (blob) return { method, status: 200, type: 'application/octet-stream', body: blob.bytes };
  const status = path === '/v2/' ? 200 : 404;
  return { method, status, type: 'application/json', body: Buffer.from('{}') };
}

describe.each(Object.entries(MANNERS))('a server that speaks %s', (_, { write, statuses }) => {
  test(`is pulled from: exit ${statuses.join(' or ')}`, async () => {
    const server = await serveRaw((socket) => {
      let text = '';
      socket.on('data', (data) => {
        text += String(data);
        for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
          const [method = '', path = ''] = text.split(' ', 2);
          text = text.slice(end + 4);
          if (!socket.writableEnded) write(socket, answerTo(method, path));
        }
      });
    });
    onTestFinished(() => server.stop());
    const place = await newWorkplace();
    const name = `${server.host}/team/app:1`;
    const { status, stderr } = await place.hubctl(['pull', name]);
    expect(statuses, stderr).toContain(status);
    if (status !== 0) return;
    expect(await place.hubctl(['store', 'verify'])).toMatchObject({ status: 0 });
    expect((await place.hubctl(['images', '--digests', '-q', '--no-trunc'])).stdout).not.toBe('');
  });
});
