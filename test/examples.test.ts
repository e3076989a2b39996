// Do the commands of README.md work, in the order they stand there, for somebody with an empty home?
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HUBCTL, execute } from './helpers/hubctl.ts';
import { startProcess, which } from './helpers/processes.ts';
import { TESTER, hasRealRegistry, startRealRegistry } from './helpers/real-registry.ts';
import { ROOT } from './helpers/source.ts';

interface Block {
  readonly line: number;
  readonly text: string;
}

/** The registry that README.md writes of. */
const WRITTEN = 'localhost:5000';

/** `sh` blocks, but for those after `<!-- not run: reason -->` and those that .ci/run runs: they begin with git or npm. */
function blocksOf(markdown: string): Block[] {
  const blocks = markdown.matchAll(/(<!-- not run: .* -->\n+)?^```sh\n([\s\S]*?)^```$/gm);
  return [...blocks].flatMap(({ index, 0: all, 1: excuse, 2: text = '' }) => {
    const line = markdown.slice(0, index + all.indexOf('```sh')).split('\n').length + 1;
    return excuse !== undefined || /^(?:git|npm) /.test(text) ? [] : [{ line, text }];
  });
}

/** One script of all blocks. A block that logs in means a registry that wants accounts. */
function scriptOf(blocks: readonly Block[], hosts: { readonly open: string; readonly guarded: string }): string {
  return blocks
    .map(({ line, text }) => {
      const host = text.includes('hubctl login') ? hosts.guarded : hosts.open;
      return `echo "== README.md:${line}" >&2\n${text.replaceAll(WRITTEN, host)}`;
    })
    .join('\n');
}

const readme = existsSync(join(ROOT, 'README.md')) ? await readFile(join(ROOT, 'README.md'), 'utf8') : '';
const blocks = blocksOf(readme);
if (blocks.length === 0) console.warn('skipped: README.md has no sh block to run');
const bash = await which('bash');
if (bash === undefined) console.warn('skipped: the commands of README.md want bash');
const possible = blocks.length > 0 && bash !== undefined;

interface Registry {
  readonly host: string;
  stop(): Promise<void>;
}

/** What README.md says `localhost:5000` is: `hubctl serve`, on a free port. */
async function startServe(home: string, htpasswd?: string): Promise<Registry> {
  const folder = await mkdtemp(join(home, 'serve-'));
  await writeFile(join(folder, 'htpasswd'), `${htpasswd}\n`);
  const accounts = htpasswd === undefined ? [] : ['--htpasswd', join(folder, 'htpasswd')];
  const args = [HUBCTL, 'serve', '--quiet', '--addr', '127.0.0.1:0', ...accounts, join(folder, 'registry')];
  const running = await startProcess(process.execPath, args, {
    env: { HOME: home },
    ready: /^registry at http:\/\/(127\.0\.0\.1:\d+) /,
  });
  return { host: running.ready[1] ?? '', stop: () => running.stop() };
}

async function startReal(_: string, htpasswd?: string): Promise<Registry> {
  const registry = await startRealRegistry(htpasswd === undefined ? {} : { htpasswd });
  if (registry === undefined) throw new Error('there is no registry to test against');
  return registry;
}

const kinds = [
  { kind: 'hubctl serve', start: startServe },
  ...((await hasRealRegistry()) ? [{ kind: 'the registry that everybody runs', start: startReal }] : []),
];

describe.skipIf(!possible)('the README', () => {
  test.each(kinds)('its commands work with $kind', async ({ start }) => {
    const home = await mkdtemp(join(tmpdir(), 'hubctl-readme-'));
    const started: Registry[] = [];
    try {
      for (const htpasswd of [undefined, TESTER.htpasswd]) started.push(await start(home, htpasswd));
      const [open = '', guarded = ''] = started.map(({ host }) => host.replace('127.0.0.1', 'localhost'));
      await mkdir(join(home, 'bin'));
      await writeFile(join(home, 'bin/hubctl'), `#!/bin/sh\nexec "${process.execPath}" "${HUBCTL}" "$@"\n`, {
        mode: 0o755,
      });
      const script = scriptOf(blocks, { open, guarded });
      const env = {
        PATH: `${home}/bin:${process.env['PATH']}`,
        HOME: home,
        NAME: TESTER.username,
        PASSWORD: TESTER.password,
      };
      const { status, stdout, stderr } = await execute(bash ?? '', ['--norc', '-euxo', 'pipefail', '-c', script], {
        env,
        cwd: home,
      });
      expect(status, `${stderr}\n${stdout}`).toBe(0);
    } finally {
      await Promise.all(started.map((registry) => registry.stop()));
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe('the reader of README blocks', () => {
  test('leaves out what has an excuse, what .ci/run runs, and what is no shell', () => {
    const markdown =
      '```sh\none\n```\n\n<!-- not run: needs a cloud -->\n\n```sh\ntwo\n```\n```sh\nnpm test\n```\n```ts\nthree\n```\n```sh\nfour\n```\n';
    expect(blocksOf(markdown)).toEqual([
      { line: 2, text: 'one\n' },
      { line: 17, text: 'four\n' },
    ]);
  });

  test('sends blocks that log in to the registry with accounts', () => {
    const blocks = [
      { line: 1, text: 'hubctl tags localhost:5000/a\n' },
      { line: 2, text: 'hubctl login localhost:5000\n' },
    ];
    const script = scriptOf(blocks, { open: 'open', guarded: 'guarded' });
    expect(script).toContain('hubctl tags open/a');
    expect(script).toContain('hubctl login guarded');
  });
});
