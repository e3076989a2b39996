// What does the official conformance suite of the OCI distribution specification say of our registry?
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findConformanceSuite } from '../helpers/conformance.ts';
import { folder } from '../helpers/folder.ts';
import { execute } from '../helpers/hubctl.ts';
import { newServed } from '../helpers/served.ts';

const suite = await findConformanceSuite();

test.skipIf(suite === undefined).each(['1.1', 'dev'])(
  'version %s finds no failure and no error',
  async (version) => {
    const { host } = await newServed();
    const results = folder();
    const { status, stdout } = await execute(suite ?? '', [], {
      cwd: results,
      env: {
        PATH: process.env['PATH'],
        HOME: results,
        OCI_REGISTRY: host,
        OCI_TLS: 'disabled',
        OCI_VERSION: version,
        OCI_REPO1: 'conf/a',
        OCI_REPO2: 'conf/b',
        OCI_RESULTS_DIR: results,
      },
    });
    // A suite that could not begin ends well too, but without results.
    expect(await readFile(join(results, 'results.yaml'), 'utf8')).toContain('Pass');
    const [, tests, failures, errors] =
      /<testsuite [^>]*tests="(\d+)" failures="(\d+)" errors="(\d+)"/.exec(
        await readFile(join(results, 'junit.xml'), 'utf8'),
      ) ?? [];
    expect({ status, failures, errors, end: stdout.slice(-300) }).toMatchObject({
      status: 0,
      failures: '0',
      errors: '0',
    });
    expect(Number(tests)).toBeGreaterThan(800);
  },
  120_000,
);
