#!/usr/bin/env node
// Starts hubctl: checks the version of Node.js, turns signals into an abort, and sets the exit status.
import module from 'module';

const LEAST = [20, 18, 1];
/** Milliseconds that open handles may keep the process after its work is done. */
const LINGER = 500;

if (isOlder(process.versions.node.split('.').map(Number), LEAST)) {
  process.stderr.write(`hubctl: Node.js ${LEAST.join('.')} or newer is needed, this is ${process.versions.node}\n`);
  process.exit(8);
}
if (module.enableCompileCache) module.enableCompileCache();
void import('../dist/cli/main.js').then(start);

function start({ run, fail, processIo, interruption }) {
  const controller = new AbortController();
  const argv = process.argv.slice(2);
  const io = processIo(controller.signal);
  let readerLeft = false;
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(status);
      controller.abort(interruption(signal));
    });
  }
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`hubctl: cannot write to stdout: ${error.message}\n`);
      process.exit(9);
    }
    readerLeft = true;
    setTimeout(() => process.exit(0), LINGER).unref();
    controller.abort(interruption('SIGPIPE'));
  });
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', async (error) => process.exit(await fail(error, argv, io)));
  run(argv, io).then((status) => {
    process.exitCode = readerLeft ? 0 : status;
    setTimeout(leave, LINGER).unref();
  });
}

/** Ends the process unless somebody still reads what was written. */
function leave() {
  if (process.stdout.writableLength > 0) process.stdout.once('drain', leave);
  else process.exit();
}

function isOlder(version, least) {
  const index = least.findIndex((part, place) => part !== version[place]);
  return index !== -1 && version[index] < least[index];
}
