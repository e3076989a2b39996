// What was learnt about the manifests of the store, so that a list of images need not read them all again?
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { isErrno, storageError } from '../../util/fs.ts';
import { isRecord } from '../../util/json.ts';
import type { FactsByDigest } from './graph.ts';
import { keep, unkeep } from './kept-facts.ts';
import type { StorePaths } from './paths.ts';

interface Header {
  /** Of the format of the file. */
  readonly version: number;
  /** The state of index.json that the facts belong to. */
  readonly index: string;
  /** SHA-256 of all other lines. */
  readonly sum: string;
}

export interface CachedFacts {
  readonly facts: FactsByDigest;
  /** Stands for these facts: different for others. Undefined when they are in no file. */
  readonly sum: string | undefined;
}

const VERSION = 3;
/** Bytes of the first line, blanks and line feed included, so that it can be replaced where it is. */
const HEADER = 512;

/**
 * The facts that belong to this state of index.json. None when another tool has changed the index, which may have put
 * manifests here that the facts call absent, or when the file is missing or damaged: then everything is learnt again.
 */
export function readFacts(paths: StorePaths, index: string): CachedFacts {
  const facts: FactsByDigest = new Map();
  const bytes = readBytes(paths.cache);
  const header = parseHeader(bytes.toString('utf8', 0, HEADER));
  if (header?.index !== index) return { facts, sum: undefined };
  const body = bytes.subarray(HEADER);
  if (header.sum !== sumOf(body)) return { facts, sum: undefined };
  // A line for each: its digest, a blank, what is known of it.
  const text = body.toString('utf8');
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const blank = text.indexOf(' ', at);
    facts.set(text.slice(at, blank), unkeep(text.slice(blank + 1, end)));
    at = end + 1;
  }
  return { facts, sum: header.sum };
}

/** The sum of the facts that belong to this state of index.json, without reading them. */
export function sumOfFacts(paths: StorePaths, index: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(paths.cache, constants.O_RDONLY | constants.O_NONBLOCK);
    const header = readHeader(file);
    return header?.index === index ? header.sum : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Replaces the file, and gives the sum of the facts. It is not synced: damage shows in its sum. Where it cannot be
 * written, such as in a store that may only be read, what was learnt is learnt again another time.
 */
export function writeFacts(paths: StorePaths, facts: FactsByDigest, index: string): string | undefined {
  let body = '';
  for (const [digest, known] of facts) body += `${digest} ${keep(known)}\n`;
  const sum = sumOf(body);
  try {
    writeFileSync(paths.nextCache, headerLine({ version: VERSION, index, sum }) + body, { mode: 0o600 });
    renameSync(paths.nextCache, paths.cache);
    return sum;
  } catch {
    removeNext(paths);
    return undefined;
  }
}

/** Says that the facts that belong to one state of the index belong to the next one, too, without writing them again. */
export function keepFacts(paths: StorePaths, from: string, to: string): void {
  let file: number | undefined;
  try {
    file = openSync(paths.cache, constants.O_RDWR | constants.O_NOFOLLOW);
    const header = readHeader(file);
    if (header?.index === from) writeSync(file, headerLine({ ...header, index: to }), 0);
  } catch {
    // As above: nothing depends on it.
    return;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function removeNext(paths: StorePaths): void {
  try {
    rmSync(paths.nextCache, { force: true });
  } catch {
    // Whoever writes the next one writes over it.
    return;
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].some((code) => isErrno(error, code))) return Buffer.alloc(0);
    throw storageError(error, `cannot read ${path}`);
  }
}

function readHeader(file: number): Header | undefined {
  const buffer = Buffer.alloc(HEADER);
  return parseHeader(buffer.toString('utf8', 0, readSync(file, buffer, 0, HEADER, 0)));
}

function headerLine(header: Header): string {
  return `${JSON.stringify(header).padEnd(HEADER - 1)}\n`;
}

function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isRecord(value)) return undefined;
    const { version, index, sum } = value;
    if (version !== VERSION || typeof index !== 'string' || typeof sum !== 'string') return undefined;
    return { version, index, sum };
  } catch {
    return undefined;
  }
}

function sumOf(body: Uint8Array | string): string {
  return createHash('sha256').update(body).digest('hex');
}
