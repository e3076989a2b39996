// How is the code that V8 compiled left to later runs, so that nobody else can change it and nobody finds half of it?
'use strict';
const fs = require('fs');
const { dirname, join } = require('path');
const { setFlagsFromString } = require('v8');
const { bytesAt, isOurs, optionsNow } = require('./load.js');

/** Files of code: for other releases of Node.js, and other ones of hubctl. */
const MOST_FILES = 4;
/** V8 wants to find its data at such addresses. */
const ALIGNMENT = 8;
/** What src/http/undici.ts sets, as it is without. It changes nothing but how V8 compiles WebAssembly, which is not kept. */
const RESTORED = ['--no-liftoff-only', '--wasm-tier-up', '--wasm-dynamic-tiering'];

module.exports = { keepCode };

/**
 * Adds the scripts `fresh`, by index, to the code of earlier runs; `head` is the number of parts and the options of V8 that the
 * next run will have. Never throws: the program can do without.
 */
function keepCode({ folder, name, head, fresh, earlier }) {
  try {
    if (!makeFolder(folder) || !hasOptions(head[1])) return;
    replace(join(folder, name), bytesOf(head, fresh, earlier));
    removeOld(folder);
  } catch {
    // a full disk, a folder that cannot be written to
  }
}

/** False when somebody else owns it, or may write to it; also when it would have to be made in a folder of somebody else. */
function makeFolder(folder) {
  let above = folder;
  while (!fs.existsSync(above)) above = dirname(above);
  if (process.geteuid && fs.statSync(above).uid !== process.geteuid()) return false;
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return isOurs(fs.lstatSync(folder), 'isDirectory');
}

function hasOptions(options) {
  if (optionsNow() === options) return true;
  for (const option of RESTORED) setFlagsFromString(option);
  return optionsNow() === options;
}

/** The file: its length, `head`, begin and length of the code of each part, and then all code. */
function bytesOf(head, fresh, earlier) {
  const [count] = head;
  const pieces = [];
  const table = [];
  let end = aligned(4 * (1 + head.length + 2 * count));
  for (let index = 0; index < count; index += 1) {
    const piece = fresh.get(index)?.createCachedData() ?? pieceOf(earlier, index);
    table.push(end, piece.length);
    pieces.push([end, piece]);
    end = aligned(end + piece.length);
  }
  const bytes = Buffer.alloc(end);
  bytes.set(Buffer.from(Uint32Array.from([end, ...head, ...table]).buffer));
  for (const [at, piece] of pieces) bytes.set(piece, at);
  return bytes;
}

function pieceOf(earlier, index) {
  if (!earlier) return Buffer.alloc(0);
  const begin = earlier.table[2 * index];
  return Buffer.from(bytesAt(earlier.file, begin, earlier.table[2 * index + 1]));
}

function aligned(length) {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** A crash leaves the old file or the new one: V8 runs what it is given, whole or not. */
function replace(path, bytes) {
  const temporary = `${path}.${process.pid}-${Date.now().toString(36)}`;
  const file = fs.openSync(temporary, 'wx', 0o600);
  try {
    fs.writeFileSync(file, bytes);
    fs.fsyncSync(file);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

/** Also what runs that were killed have left. */
function removeOld(folder) {
  const files = fs.readdirSync(folder).map((file) => join(folder, file));
  const ages = new Map(files.map((file) => [file, fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0]));
  const oldest = files.toSorted((a, b) => ages.get(b) - ages.get(a)).slice(MOST_FILES);
  for (const file of oldest) fs.rmSync(file, { force: true });
}
