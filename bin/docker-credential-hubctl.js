#!/usr/bin/env node
// Serves the keychain entries of hubctl to docker and other programs that speak the docker-credential protocol.
'use strict';
const { part } = require('./load.js');
const { processIo, interruption } = part('main.js');
const { runCredentialHelper } = part('credential-helper.js');

void serve();

async function serve() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => controller.abort(interruption(signal)));
  }
  const [action, ...rest] = process.argv.slice(2);
  process.exitCode = await runCredentialHelper(
    rest.length === 0 ? action : undefined,
    processIo(controller.signal),
  ).catch((error) => {
    process.stderr.write(`docker-credential-hubctl: ${error.stack}\n`);
    return 70;
  });
}
