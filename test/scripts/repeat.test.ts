import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../helpers/folder.ts';
import { execute, type Finished } from '../helpers/hubctl.ts';
import { ROOT } from '../helpers/source.ts';

/** `npm run test:repeat` in a folder with these tests, which need not import vitest. */
function repeat(times: string, text: string): Promise<Finished> {
  const root = folder();
  writeFileSync(join(root, 'some.test.js'), text);
  const args = [join(ROOT, 'scripts/repeat.js'), times, '--root', root, '--globals'];
  return execute(process.execPath, args, { env: { PATH: process.env['PATH'] }, cwd: root });
}

test('a test that fails at times is named, with how often and why', async () => {
  const { status, stdout } = await repeat(
    '2',
    `import { appendFileSync, readFileSync } from 'node:fs';
     test('is steady', () => {});
     test('is not', () => {
       const runs = new URL('runs', import.meta.url);
       appendFileSync(runs, 'x');
       expect(readFileSync(runs, 'utf8')).not.toBe('xx');
     });`,
  );
  expect(stdout).toMatch(/^run 1 of 2: passed, \d+ s\nrun 2 of 2: 1 failed, \d+ s\n/);
  expect(stdout).toContain("expected 'xx' not to be 'xx'");
  expect(stdout).toMatch(/^1 of 2 failed: .*some\.test\.js: is not$/m);
  expect(stdout).not.toContain('is steady');
  expect(status).toBe(1);
});

test('tests that never fail end well', async () => {
  const { status, stdout } = await repeat('1', "test('is steady', () => {});");
  expect([status, stdout.split('\n').at(-2)]).toEqual([0, '1 of 1 runs passed']);
});

test('a run that finds no test is a failure', async () => {
  const { status, stdout } = await repeat('1', '');
  expect([status, stdout.includes('passed')]).toEqual([1, false]);
});

test('the number of runs has to be one', async () => {
  expect(await repeat('many', '')).toMatchObject({ status: 2, stdout: '' });
});
