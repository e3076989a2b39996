import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { execute, type Finished } from '../helpers/hubctl.ts';
import { ROOT } from '../helpers/source.ts';

const DEMO = join(ROOT, 'scripts/demo.js');
/** Milliseconds: it packs this machine's node. */
const LONG = 120_000;

let temp: string;
beforeEach(async () => {
  temp = await mkdtemp(join(tmpdir(), 'hubctl-demo-test-'));
});
afterEach(() => rm(temp, { recursive: true, force: true }));

const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: join(temp, 'nobody'), TMPDIR: temp });
const demo = (...args: readonly string[]): Promise<Finished> =>
  execute(process.execPath, [DEMO, ...args], { env: env() });

function start(): { readonly child: ChildProcess; readonly ended: Promise<number | null> } {
  const child = spawn(process.execPath, [DEMO], { env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended };
}

function seen(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      text += chunk.toString();
      const found = pattern.exec(text);
      if (found) resolve(found[1] ?? found[0]);
    };
    child.stdout?.on('data', look);
    child.once('close', () => reject(new Error(`${String(pattern)} was not seen in\n${text}`)));
  });
}

function isOpen(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

describe('npm run demo, to its end', () => {
  let whole: Finished;
  let left: readonly string[];
  beforeAll(async () => {
    const place = await mkdtemp(join(tmpdir(), 'hubctl-demo-test-'));
    try {
      whole = await execute(process.execPath, [DEMO], { env: { PATH: process.env['PATH'], TMPDIR: place } });
      left = await readdir(place);
    } finally {
      await rm(place, { recursive: true });
    }
  }, LONG);

  test('goes well, and leaves nothing', () => {
    expect({ status: whole.status, left }, whole.stderr).toEqual({ status: 0, left: [] });
  });

  test('brings an image of three layers into a registry and out of it with the same digest', () => {
    const { stdout } = whole;
    const [digest = ''] = /^sha256:[a-f0-9]{64}$/m.exec(stdout.slice(stdout.indexOf('{{.Digest}}'))) ?? [];
    // The store where it was made, the registry, and the store that pulled it each tell it.
    expect(stdout.match(new RegExp(`^${digest}$`, 'gm'))).toHaveLength(3);
    expect(stdout.match(/^layer .* is what its digest says$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^Done in \d+\.\d s: an image of 3 layers, [\d.]+ MB, was pushed/m);
  });

  test('shows a login, mounts, a search and a list of tags', () => {
    const { stdout, stderr } = whole;
    expect(stdout).toContain('Login Succeeded');
    expect(`${stdout}${stderr}`.match(/: Mounted from demo\/app$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^localhost:\d+\/demo\/copy /m);
    expect(stdout).toMatch(/\$ hubctl tags localhost:\d+\/demo\/app\n1\n/);
  });

  test('shows commands in 80 columns', () => {
    const lines = whole.stdout.split('\n').filter((line) => /^\$ |^ {4}--/.test(line));
    expect(lines.length).toBeGreaterThan(12);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('npm run demo', () => {
  test('leaves a registry with --keep, and the commands that it prints work', { timeout: LONG }, async () => {
    const { status, stdout } = await demo('--keep');
    expect(status).toBe(0);
    const next = stdout.slice(stdout.indexOf('The registry goes on'));
    const stop = /^ {2}(kill \d+; rm -r .*)$/m.exec(next)?.[1] ?? '';
    const port = /localhost:(\d+)/.exec(next)?.[1] ?? '';
    try {
      const commands = [...next.matchAll(/^ {2}((?:\. |hubctl ).*)$/gm)].map(([, command]) => command);
      expect(commands.length).toBeGreaterThan(3);
      const settings = { env: { ...env(), HUBCTL_USERNAME: 'wrong', HUBCTL_PASSWORD: 'wrong' }, cwd: temp };
      const tried = await execute('sh', ['-euc', commands.join('\n')], settings);
      expect(tried.status, tried.stderr).toBe(0);
      expect(tried.stdout).toContain('demo/copy');
      expect((await stat(join(temp, 'app.tar'))).size).toBeGreaterThan(1_000_000);
    } finally {
      const { status: stopped } = await execute('sh', ['-euc', stop], { env: env() });
      expect(stopped).toBe(0);
    }
    await expect.poll(() => isOpen(port), { timeout: 10_000 }).toBe(false);
    expect((await readdir(temp)).filter((name) => name.startsWith('hubctl-demo'))).toEqual([]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends on %s with everything it made and started', { timeout: LONG }, async (signal, status) => {
    const { child, ended } = start();
    const [port] = await Promise.all([
      seen(child, /registry at http:\/\/127\.0\.0\.1:(\d+)/),
      seen(child, /hubctl import/),
    ]);
    child.kill(signal);
    expect(await ended).toBe(status);
    expect(await readdir(temp)).toEqual([]);
    expect(await isOpen(port)).toBe(false);
  });

  test('ends without a complaint when its reader leaves', { timeout: LONG }, async () => {
    const { child, ended } = start();
    await seen(child, /1\. A registry/);
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.stdout?.destroy();
    expect(await ended).toBe(0);
    expect(complaint).not.toMatch(/demo:|Error/);
    expect(await readdir(temp)).toEqual([]);
  });

  test('says why it cannot start', async () => {
    const settings = { env: { ...env(), TMPDIR: join(temp, 'none') } };
    const { status, stderr } = await execute(process.execPath, [DEMO], settings);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^demo: cannot start: ENOENT: /);
  });

  test('knows its options', async () => {
    expect((await demo('--help')).stdout).toContain('--keep');
    expect(await demo('--kepe')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('a command that fails in the demo', () => {
  test('is named, ends it with status 1, and everything is removed, kept or not', async () => {
    const script = `
      import { startStage } from ${JSON.stringify(join(ROOT, 'scripts/demo/stage.js'))};
      const stage = await startStage({ keep: true });
      try {
        await stage.furnish();
        await stage.serve(['serve', '--addr', '127.0.0.1:0', 'registry']);
        await stage.hubctl(['digest', 'oci:none']);
      } catch (error) {
        stage.fail(error);
      } finally {
        await stage.close();
      }`;
    const { status, stdout, stderr } = await execute(process.execPath, ['--input-type=module', '-e', script], {
      env: env(),
    });
    expect(status).toBe(1);
    expect(stderr).toContain('demo: failed: hubctl digest ended with status');
    expect(await readdir(temp)).toEqual([]);
    expect(await isOpen(/127\.0\.0\.1:(\d+)/.exec(stdout)?.[1] ?? '')).toBe(false);
  });
});
