// How did the tests end, in one line that any reader of logs understands? Takes the path of vitest's JSON report.
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { ROOT } from './bundle.js';

/**
 * @typedef {{ status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled' }} Test
 * @typedef {{ name: string, status: string, assertionResults: Test[] }} File
 */

/** @type {{ testResults: File[] }} */
const report = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8'));

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of report.testResults) {
  const passed = file.assertionResults.filter(({ status }) => status === 'passed').length;
  const failed = file.assertionResults.filter(({ status }) => status === 'failed').length;
  const skipped = file.assertionResults.length - passed - failed;
  // A file that cannot be loaded has no tests to count, and is a failure all the same.
  const broken = file.status === 'failed' && failed === 0 ? 1 : 0;
  if (skipped > 0)
    console.log(`skipped: ${skipped} of ${file.assertionResults.length} in ${relative(ROOT, file.name)}`);
  if (broken > 0) console.log(`failed: ${relative(ROOT, file.name)} as a whole`);
  counts.passed += passed;
  counts.failed += failed + broken;
  counts.skipped += skipped;
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
