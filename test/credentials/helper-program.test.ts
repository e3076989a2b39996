import { spawnSync } from 'node:child_process';
import { chmod, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProgram, runProgram } from '../../src/credentials/helper-program.ts';
import { HubError } from '../../src/errors.ts';
import { Home } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

describe('a program is found', () => {
  test('in the first folder of PATH that has it', async () => {
    await home.write('second/prog', '#!/bin/sh\n', 0o755);
    await home.write('first/other', '#!/bin/sh\n', 0o755);
    const env = { PATH: [home.at('first'), home.at('missing'), home.at('second')].join(':') };
    expect(await findProgram('prog', env)).toBe(home.at('second/prog'));
  });

  test('never in a relative or empty part of PATH', async () => {
    const folder = process.cwd();
    expect(folder).not.toBe('');
    expect(await findProgram('package.json', { PATH: ':.:./:' })).toBeUndefined();
  });

  test('only when it can be run', async () => {
    await home.write('bin/prog', '#!/bin/sh\n', 0o644);
    expect(await findProgram('prog', home.env)).toBeUndefined();
    expect(await findProgram('prog', {})).toBeUndefined();
  });

  test.each([
    ['it is', 'bin/prog', 0o777],
    ['its folder is', 'bin', 0o777],
  ])('but not run when %s writable for everybody', async (_name, place, mode) => {
    await home.write('bin/prog', '#!/bin/sh\n', 0o755);
    await chmod(home.at(place), mode);
    const error = await hubErrorFrom(() => findProgram('prog', home.env));
    expect([error.code, error.hint]).toEqual(['REFUSED', expect.stringContaining(`chmod o-w ${home.at(place)}`)]);
  });

  test('through a link', async () => {
    await home.write('real/prog', '#!/bin/sh\n', 0o755);
    await symlink(home.at('real/prog'), home.at('bin/prog'));
    expect(await findProgram('prog', home.env)).toBe(home.at('bin/prog'));
  });
});

async function run(script: string, options: { timeout?: number; signal?: AbortSignal; onWait?: () => void } = {}) {
  const path = await home.write('bin/prog', `#!/bin/sh\n${script}\n`, 0o755);
  return runProgram(path, { argument: 'get', input: 'the input' }, { env: home.env, timeout: 20_000, ...options });
}

describe('a program', () => {
  test('gets its argument, its input and the environment, and gives its output and status', async () => {
    expect(await run('echo "$1 $HOME $(cat)"; exit 3')).toEqual({ status: 3, stdout: `get ${home.path} the input\n` });
  });

  test('may answer without reading its input', async () => {
    expect(await run('exec 0<&-; echo ok')).toEqual({ status: 0, stdout: 'ok\n' });
  });

  test('that hangs is ended together with what it started', async () => {
    const error = await hubErrorFrom(() => run(`sleep 600 & echo $! > ${home.at('pid')}; wait`, { timeout: 300 }));
    expect([error.code, error.message]).toEqual(['TIMEOUT', 'no answer within 0.3 s']);
    const pid = Number(await home.text('pid'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  test('is ended when everything stops', async () => {
    const controller = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    const running = run('kill -0 $PPID; sleep 600', { signal: controller.signal });
    controller.abort(reason);
    expect(await hubErrorFrom(() => running)).toBe(reason);
  });

  test('that talks without end is stopped', async () => {
    expect((await hubErrorFrom(() => run('yes'))).message).toBe('the answer is longer than 1 MiB');
  });

  test('that cannot be started is a failure', async () => {
    await writeFile(home.at('bin/broken'), '#!/no/such/interpreter\n', { mode: 0o755 });
    const call = { argument: 'get', input: '' };
    const error = await hubErrorFrom(() => runProgram(home.at('bin/broken'), call, { env: home.env, timeout: 1000 }));
    expect([error.code, error.message]).toEqual(['CREDENTIALS_UNAVAILABLE', 'it cannot be started']);
  });
});

/** A process that ended but that nobody has waited for does not run. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout.trim());
}
