// Where is the program, and which code did this very Node.js compile of it before? The program is one file of many parts, in groups
// that are a script each, compiled when it is asked for; V8 needs a third of the time when it is handed what it made last time.
'use strict';
const fs = require('fs');
const { homedir } = require('os');
const { isAbsolute, join } = require('path');
const { Script } = require('vm');

const PACK = join(__dirname, '../dist/cli/pack.js');
/** Words at the beginning of a file of code: its length, the number of groups, options of V8. A table of the groups follows. */
const HEAD = 3;
/** Where V8 notes its options in what it made. */
const OPTIONS_AT = 12;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const { HUBCTL_CODE_CACHE, XDG_CACHE_HOME, NODE_OPTIONS, NODE_V8_COVERAGE } = process.env;
/** The build goes on from run to run until all is compiled that common commands need. */
const TAKES_ALL = HUBCTL_CODE_CACHE === 'all';

/** Open as long as the program runs: all its parts are of one build, whatever is built meanwhile. */
const pack = fs.openSync(PACK, O_RDONLY);
/** What is read from files passes through here. */
let scratch = Buffer.allocUnsafeSlow(512 * 1024);
/** The first line of the pack, a comment: its id, where each group of parts is, and in which of them each part is. */
const { id, groups, parts } = JSON.parse(headOfPack());
const count = groups.length;
const made = Object.create(null);
/** What the scripts of this run gave, and they themselves, by the index of their groups. */
const functions = [];
const scripts = new Map();
const name = nameOfCode();
const folder = name && folderOfCode();
const shipped = name && !TAKES_ALL ? openShipped() : undefined;
let code = shipped || (folder && openOwn());
let options = code ? code.options : optionsNow();

module.exports = { part, keepCode, isOurs, optionsNow, bytesAt };

/** What a part of the program exports: `main.js`. */
function part(key) {
  const known = made[key];
  if (known) return known.exports;
  const [group, index] = parts[key];
  functions[group] ??= functionsOf(group);
  const module = (made[key] = { exports: {} });
  functions[group][index](module, module.exports, requireFrom, late, PACK);
  return module.exports;
}

/** The parts of a group, not run yet. */
function functionsOf(group) {
  const [start, length, lineOffset] = groups[group];
  const source = bytesAt(pack, start, length).latin1Slice();
  const cachedData = code && codeOf(group);
  const script = new Script(source, { filename: PACK, lineOffset, cachedData });
  if (script.cachedDataRejected) {
    // What V8 refuses once, it would refuse each time.
    code = undefined;
    options = optionsNow();
  }
  scripts.set(group, script);
  return script.runInThisContext();
}

/** `require` for the parts, which know each other as files of one folder or of the one above. */
function requireFrom(wanted) {
  return wanted.charCodeAt(0) === 46 ? part(wanted.slice(wanted.lastIndexOf('/') + 1)) : require(wanted);
}

/** A module that is loaded when something of it is used. */
function late(wanted) {
  let module;
  return new Proxy({}, { get: (_, key) => (module ??= require(wanted))[key] });
}

/** Leaves the code of this run to later ones, where the folder of caches is safe. Never throws. */
function keepCode() {
  // Options for V8 make other code, which the next run without them would refuse.
  if (shipped || !folder || process.execArgv.length > 0 || NODE_OPTIONS) return;
  const isNew = (index) => TAKES_ALL || !code || code.table[2 * index + 1] === 0;
  if (![...scripts.keys()].some(isNew)) return;
  // A group that was there has the code of its functions that were called before, and now of those that this run called.
  require('./keep-code.js').keepCode({ folder, name, head: [count, options], fresh: scripts, earlier: code });
}

/** V8 checks no more than its own version, its options and the length of the source, so the name says the rest. */
function nameOfCode() {
  const { version, platform, arch, execPath } = process;
  // To know what was run, V8 compiles other code.
  if (HUBCTL_CODE_CACHE === '0' || NODE_V8_COVERAGE) return undefined;
  const stats = fs.statSync(execPath, { throwIfNoEntry: false });
  return stats && `${id}-${version}-${platform}-${arch}-${stats.size.toString(36)}`;
}

function folderOfCode() {
  try {
    const caches = XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
    return join(caches, 'hubctl', 'code');
  } catch {
    return undefined; // a user without a home
  }
}

function openShipped() {
  const path = join(__dirname, '../dist/cli/code', name);
  return fs.existsSync(path) ? codeIn(fs.openSync(path, O_RDONLY)) : undefined;
}

/** Code is run as it is: it counts only when nobody but this user can have written it. */
function openOwn() {
  try {
    if (!isOurs(fs.lstatSync(folder, { throwIfNoEntry: false }), 'isDirectory')) return undefined;
    const path = join(folder, name);
    if (!fs.existsSync(path)) return undefined;
    const file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return isOurs(fs.fstatSync(file), 'isFile') ? codeIn(file) : undefined;
  } catch {
    return undefined; // the program runs without
  }
}

/** Where there are no users and modes, as on Windows, the profile of the user is as safe as it gets. */
function isOurs(stats, kind) {
  if (!stats || !stats[kind]()) return false;
  return !process.geteuid || (stats.uid === process.geteuid() && (stats.mode & 0o077) === 0);
}

/** Undefined for a file that is not whole. */
function codeIn(file) {
  const size = 4 * (HEAD + 2 * count);
  const bytes = Buffer.from(bytesAt(file, 0, size));
  if (bytes.length < size) return undefined;
  const [length, known, options, ...table] = new Uint32Array(bytes.buffer, bytes.byteOffset, HEAD + 2 * count);
  return length === fs.fstatSync(file).size && known === count ? { file, table, options } : undefined;
}

/** What V8 made of a part before; good until something else is read. */
function codeOf(index) {
  const { file, table } = code;
  const length = table[2 * index + 1];
  return length > 0 ? bytesAt(file, table[2 * index], length) : undefined;
}

function headOfPack() {
  for (let length = 16 * 1024; ; length *= 2) {
    const bytes = bytesAt(pack, 0, length);
    const end = bytes.indexOf('\n');
    if (end !== -1 || bytes.length < length) return bytes.latin1Slice(3, end);
  }
}

/** Good until something else is read; less than `length` at the end of the file. */
function bytesAt(file, start, length) {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
  return scratch.subarray(0, fs.readSync(file, scratch, 0, length, start));
}

/** V8's account of the options it runs with. */
function optionsNow() {
  return new Script('0').createCachedData().readUInt32LE(OPTIONS_AT);
}
