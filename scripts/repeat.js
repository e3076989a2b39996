// Does a test ever fail that passes most of the time? `npm run test:repeat -- 20 test/faults test/kill` runs files many times.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ROOT } from './bundle.js';

/**
 * @typedef {{ status: string, fullName: string, failureMessages: string[] }} Test
 * @typedef {{ name: string, status: string, message: string, assertionResults: Test[] }} File
 * @typedef {{ testResults: File[] }} Report
 * @typedef {{ readonly test: string, readonly message: string }} Failure
 */

const [times = '', ...args] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(times)) {
  console.error('usage: npm run test:repeat -- TIMES [FILE or option of vitest]...');
  process.exit(2);
}

/** @type {Map<string, number>} */
const failed = new Map();
const folder = await mkdtemp(join(tmpdir(), 'hubctl-repeat-'));
try {
  for (let run = 1; run <= Number(times); run += 1) await once(run);
} finally {
  await rm(folder, { recursive: true });
}
for (const [test, count] of failed) console.log(`${count} of ${times} failed: ${test}`);
console.log(
  failed.size === 0 ? `${times} of ${times} runs passed` : `${failed.size} of its tests failed at least once`,
);
process.exitCode = failed.size === 0 ? 0 : 1;

/** @param {number} run its number */
async function once(run) {
  const path = join(folder, `${run}.json`);
  const began = performance.now();
  await vitest(['run', '--reporter=json', `--outputFile=${path}`, ...args]);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const failures = await failuresIn(path);
  console.log(
    `run ${run} of ${times}: ${failures.length === 0 ? 'passed' : `${failures.length} failed`}, ${seconds} s`,
  );
  for (const { test, message } of failures) {
    failed.set(test, (failed.get(test) ?? 0) + 1);
    console.log(`  ${test}\n${message.replace(/^/gm, '    ')}`);
  }
}

/**
 * What it prints besides the report would be the same many times over.
 *
 * @param {readonly string[]} argv
 * @returns {Promise<void>}
 */
function vitest(argv) {
  const program = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [program, ...argv], { cwd: ROOT, stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
}

/**
 * @param {string} path of a JSON report; one that is not there is a run that could not begin
 * @returns {Promise<readonly Failure[]>}
 */
async function failuresIn(path) {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return [{ test: 'vitest', message: 'ended without a report: run it without test:repeat' }];
  const report = /** @type {Report} */ (JSON.parse(text));
  if (report.testResults.length === 0) return [{ test: 'vitest', message: 'found no tests' }];
  return report.testResults.flatMap((file) => {
    const name = relative(ROOT, file.name);
    const tests = file.assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({ test: `${name}: ${fullName}`, message: failureMessages.join('\n') }));
    const isBroken = file.status === 'failed' && tests.length === 0;
    return isBroken ? [{ test: name, message: file.message }] : tests;
  });
}
