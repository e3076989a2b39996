// What would the least program take that Node.js can run for the same work? It brings and checks the bytes, and leaves out all
// else: no store, locks, resuming, retries, credentials, syncing or output. What hubctl takes more is what those cost.
'use strict';
const { createHash } = require('crypto');
const fs = require('fs');

/**
 * @typedef {{ digest: string, size: number }} Descriptor
 * @typedef {{ onHead?: (head: string) => void, onBody?: (bytes: Buffer) => void, onEnd: () => void }} Job
 */

const [verb, address = '', repository = '', folder = '', authority] = process.argv.slice(2);
const CONNECTIONS = verb === 'digest' ? 1 : 4;
const ROOM = 512 * 1024;
const PIECE = 256 * 1024;
/** Away from where the bytes lie in a page of the file, see src/util/read-buffer.ts. */
const LEAD = 2048;
const ACCEPT = 'Accept: application/vnd.oci.image.manifest.v1+json';

const room = Buffer.allocUnsafeSlow(ROOM);

/** One request at a time, and its answer. */
class Connection {
  /** @type {Job} */
  #job = { onEnd: () => undefined };
  /** Bytes of the answer to come; below zero before its head. */
  #left = -1;
  #hasBody = true;
  #socket = connect((bytes) => this.#take(bytes));
  /** @type {Buffer | undefined} */
  #piece;

  /** @param {string} method @param {string} path @param {string[]} headers @param {Job} job */
  ask(method, path, headers, job) {
    this.#job = job;
    this.#left = -1;
    this.#hasBody = method !== 'HEAD';
    const lines = [`${method} ${path} HTTP/1.1`, `Host: ${address}`, ...headers, '', ''];
    this.#socket.write(lines.join('\r\n'), 'latin1');
  }

  /** @param {Buffer} bytes */
  write(bytes) {
    this.#socket.write(bytes);
  }

  /** @param {number} file @param {number} size @param {number} [position] */
  sendFile(file, size, position = 0) {
    const length = Math.min(PIECE, size - position);
    if (length === 0) return fs.closeSync(file);
    this.#piece ??= Buffer.allocUnsafeSlow(LEAD + PIECE);
    fs.readSync(file, this.#piece, LEAD, length, position);
    const next = () => this.sendFile(file, size, position + length);
    return void this.#socket.write(this.#piece.subarray(LEAD, LEAD + length), next);
  }

  /** @param {Buffer} bytes */
  #take(bytes) {
    let body = bytes;
    if (this.#left < 0) {
      const end = bytes.indexOf('\r\n\r\n') + 4;
      const head = bytes.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 2')) throw new Error(head);
      this.#left = this.#hasBody ? Number(valueIn(head, /content-length: *(\d+)/i)) : 0;
      body = bytes.subarray(end);
      this.#job.onHead?.(head);
    }
    if (body.length > 0) this.#job.onBody?.(body);
    this.#left -= body.length;
    if (this.#left === 0) this.#job.onEnd();
  }
}

/** All read into the same buffer. @param {(bytes: Buffer) => void} take */
function connect(take) {
  /** @param {number} length */
  const callback = (length) => {
    take(room.subarray(0, length));
    return true;
  };
  const [host, port] = address.split(':');
  const where = { host, port: Number(port), noDelay: true, onread: { buffer: room, callback } };
  return authority
    ? require('tls').connect({ ...where, ca: fs.readFileSync(authority) })
    : require('net').connect(where);
}

/** @param {string} head @param {RegExp} pattern */
function valueIn(head, pattern) {
  return pattern.exec(head)?.[1] ?? '';
}

const connections = Array.from({ length: CONNECTIONS }, () => new Connection());
const first = /** @type {Connection} */ (connections[0]);

/**
 * Does the work for each, on all connections, and then what is to be done last.
 *
 * @param {readonly Descriptor[]} descriptors
 * @param {(connection: Connection, descriptor: Descriptor, done: () => void) => void} work
 * @param {() => void} last
 */
function each(descriptors, work, last) {
  const waiting = [...descriptors];
  let left = waiting.length;
  const next = (/** @type {Connection} */ connection) => {
    const descriptor = waiting.shift();
    if (!descriptor) return;
    work(connection, descriptor, () => {
      left -= 1;
      if (left === 0) last();
      else next(connection);
    });
  };
  for (const connection of connections) next(connection);
}

function pull() {
  fs.mkdirSync(folder, { recursive: true });
  /** @type {Buffer[]} */
  const parts = [];
  first.ask('GET', `/v2/${repository}/manifests/latest`, [ACCEPT], {
    onBody: (bytes) => void parts.push(Buffer.from(bytes)),
    onEnd: () => {
      const { config, layers } = JSON.parse(Buffer.concat(parts).toString());
      each([config, ...layers], pullBlob, () => process.exit());
    },
  });
}

/** @type {Parameters<typeof each>[1]} */
function pullBlob(connection, { digest }, done) {
  const path = `${folder}/${digest.replace('sha256:', '')}`;
  const file = fs.openSync(`${path}.part`, 'w');
  const hash = createHash('sha256');
  connection.ask('GET', `/v2/${repository}/blobs/${digest}`, [], {
    onBody: (bytes) => {
      hash.update(bytes);
      fs.writeSync(file, bytes);
    },
    onEnd: () => {
      fs.closeSync(file);
      if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${digest} arrived damaged`);
      fs.renameSync(`${path}.part`, path);
      done();
    },
  });
}

function push() {
  const [{ digest }] = JSON.parse(fs.readFileSync(`${folder}/index.json`, 'utf8')).manifests;
  const manifest = fs.readFileSync(pathOf(digest));
  const { mediaType, config, layers } = JSON.parse(manifest.toString());
  each([config, ...layers], pushBlob, () => {
    const headers = [`Content-Type: ${mediaType}`, `Content-Length: ${manifest.length}`];
    first.ask('PUT', `/v2/${repository}/manifests/latest`, headers, { onEnd: () => process.exit() });
    first.write(manifest);
  });
}

/** @type {Parameters<typeof each>[1]} */
function pushBlob(connection, { digest, size }, done) {
  let location = '';
  connection.ask('POST', `/v2/${repository}/blobs/uploads/`, ['Content-Length: 0'], {
    onHead: (head) => (location = valueIn(head, /location: *(\S+)/i).replace(/^https?:\/\/[^/]+/, '')),
    onEnd: () => {
      const path = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
      connection.ask('PUT', path, [`Content-Length: ${size}`], { onEnd: done });
      connection.sendFile(fs.openSync(pathOf(digest), 'r'), size);
    },
  });
}

/** Whether a push has anything to do. */
function askFor() {
  first.ask('HEAD', `/v2/${repository}/manifests/latest`, [ACCEPT], { onEnd: () => process.exit() });
}

/** @param {string} digest */
function pathOf(digest) {
  return `${folder}/blobs/sha256/${digest.replace('sha256:', '')}`;
}

if (verb === 'pull') pull();
else if (verb === 'push') push();
else askFor();
