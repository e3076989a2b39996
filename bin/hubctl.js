#!/usr/bin/env node
// Starts hubctl: gives answers that were written down at build time, else checks the version of Node.js, turns signals into
// an abort, and sets the exit status. CommonJS, like what it loads: Node.js starts faster without modules.
'use strict';
const { readFileSync, writeSync } = require('fs');
const { join } = require('path');

const LEAST = [20, 18, 1];
/** Milliseconds that open handles may keep the process after its work is done. */
const LINGER = 500;
/** Milliseconds from Ctrl-C to the end at the latest: what is kept is as whole then as after a kill. */
const PATIENCE = 150;
const MOST_THREADS = 16;
/** What may be open when the work is done: connections, standard streams and timers that nobody waits for. */
const LEFT_OPEN = new Set(['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'TTYWrap', 'Timeout', 'Immediate']);
/** Words of commands; nothing else may become part of a path. */
const WORD = /^[a-z]+(?:-[a-z]+)*$/;

const answer = knownAnswer(answerName(process.argv.slice(2)));
if (answer !== undefined) write(answer);
else if (isOlder(process.versions.node.split('.').map(Number), LEAST)) {
  process.stderr.write(`hubctl: Node.js ${LEAST.join('.')} or newer is needed, this is ${process.versions.node}\n`);
  process.exit(8);
} else {
  const processors = require('os').availableParallelism();
  // Node.js packs layers and writes files with four threads, however many processors there are.
  const threads = process.env.UV_THREADPOOL_SIZE || Math.min(processors + 2, MOST_THREADS);
  if (processors > 3) process.env.UV_THREADPOOL_SIZE = String(threads);
  const { part, keepCode } = require('./load.js');
  start(part('main.js'), keepCode);
}

/** `help.image.ls` for `image ls --help`; the names are those of src/cli/answers.ts. */
function answerName(argv) {
  const last = argv[argv.length - 1];
  if (argv.length === 1 && (last === '--version' || last === '-v')) return ['version'];
  if (last === '--help' || last === '-h') return ['help', ...argv.slice(0, -1)];
  if (argv.length === 0 || argv[0] === 'help') return ['help', ...argv.slice(1)];
  return argv[0] === 'completion' ? argv : [];
}

function knownAnswer(words) {
  if (words.length === 0 || !words.every((word) => WORD.test(word))) return undefined;
  try {
    return readFileSync(join(__dirname, '../dist/cli/answers', `${words.join('.')}.txt`));
  } catch {
    return undefined; // the program answers, or says what is wrong
  }
}

/** By the descriptor, because to make a stream of it takes 2 ms. A reader who cannot follow gets the rest by the stream. */
function write(bytes) {
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(1, bytes, written);
  } catch (error) {
    if (error.code === 'EAGAIN') process.stdout.write(bytes.subarray(written));
    else if (error.code !== 'EPIPE') cannotWrite(error);
  }
}

function cannotWrite(error) {
  process.stderr.write(`hubctl: cannot write to stdout: ${error.message}\n`);
  process.exit(9);
}

function start({ run, fail, processIo, interruption }, keepCode) {
  const controller = new AbortController();
  const argv = process.argv.slice(2);
  const opened = new Set();
  let readerLeft = false;
  const io = processIo(controller.signal, (stream, isResult) => {
    opened.add(stream);
    stream.on('error', (error) => {
      if (!isResult) return;
      if (error.code !== 'EPIPE') cannotWrite(error);
      readerLeft = true;
      setTimeout(() => process.exit(0), LINGER).unref();
      controller.abort(interruption('SIGPIPE'));
    });
  });
  // A command asks for the signal when it begins. Until then nothing needs an orderly end, and the system's is the quickest.
  const signal = { enumerable: true, get: () => listen(controller, { argv, interruption }) };
  Object.defineProperty(io, 'signal', signal);
  process.on('uncaughtException', async (error) => process.exit(await fail(error, argv, io)));
  run(argv, io).then((status) => {
    process.exitCode = readerLeft ? 0 : status;
    if (!controller.signal.aborted) keepCode();
    // What brought the last result counts as under way until this turn is over.
    setImmediate(end, opened);
  });
}

/** From now on the signals of the system abort what is under way; a second one ends it. */
function listen(controller, { argv, interruption }) {
  if (process.listenerCount('SIGINT') > 0) return controller.signal;
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(status);
      controller.abort(interruption(signal));
      // A server finishes the requests that run.
      if (signal === 'SIGINT' && !argv.includes('serve')) setTimeout(() => process.exit(status), PATIENCE).unref();
    });
  }
  return controller.signal;
}

/** When the work is done. */
function end(opened) {
  if (isOver(opened)) process.exit();
  setTimeout(leave, LINGER, opened).unref();
}

/**
 * True when nothing is read, written or computed any more: then the process ends at once, and Node.js does not take apart what the
 * system takes back anyway.
 */
function isOver(opened) {
  const isWritten = [...opened].every((stream) => stream.writableLength === 0);
  return isWritten && process.getActiveResourcesInfo().every((kind) => LEFT_OPEN.has(kind));
}

/** Ends the process unless somebody still reads what was written. */
function leave(opened) {
  const [busy] = [...opened].filter((stream) => stream.writableLength > 0);
  if (busy) busy.once('drain', () => leave(opened));
  else process.exit();
}

function isOlder(version, least) {
  const index = least.findIndex((part, place) => part !== version[place]);
  return index !== -1 && version[index] < least[index];
}
