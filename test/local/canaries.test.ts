// Does a secret ever get where it does not belong: output, traces, files, arguments and environments of other programs?
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../helpers/folder.ts';
import { execute, HUBCTL, type Finished } from '../helpers/hubctl.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { fillRegistry, sampleImage } from '../helpers/sample-image.ts';
import { isLong } from '../helpers/random.ts';

const canary = (): string => `canary-${crypto.randomUUID()}`;
const [PASSWORD, WRONG, PROXY] = [canary(), canary(), canary()];

let registry: Registry;
let basic: Registry;
/** A folder of programs that are asked for secrets. */
let bin = '';

beforeAll(async () => {
  const accounts = { tester: PASSWORD };
  [registry, basic] = [
    await startRegistry({ auth: 'bearer', accounts }),
    await startRegistry({ auth: 'basic', accounts }),
  ];
  for (const { contents } of [registry, basic]) fillRegistry(contents, ['team/app', '1'], sampleImage());
  bin = mkdtempSync(join(tmpdir(), 'hubctl-canary-'));
  chmodSync(bin, 0o755);
  writeFileSync(
    join(bin, 'docker-credential-canary'),
    `#!/bin/sh\nread key\nuntil [ -e "\${AWAIT:-/}" ]; do sleep 0.05; done\necho '{"ServerURL":"'"$key"'","Username":"tester","Secret":"${PASSWORD}"}'\n`,
    { mode: 0o755 },
  );
});
afterAll(async () => {
  await Promise.all([registry.stop(), basic.stop()]);
  rmSync(bin, { recursive: true, force: true });
});

/** Every way in which the secrets may be written. */
function spellings(secret: string): readonly string[] {
  const pair = Buffer.from(`tester:${secret}`).toString('base64');
  return [
    secret,
    encodeURIComponent(secret),
    pair,
    pair.replaceAll('=', ''),
    Buffer.from(secret).toString('base64').slice(0, -4),
  ];
}

const FORBIDDEN = [PASSWORD, WRONG, PROXY].flatMap(spellings);

function secretsIn(text: string): readonly string[] {
  const tokens = /\beyJ[\w-]{20,}/.exec(text)?.[0];
  return [...FORBIDDEN.filter((secret) => text.includes(secret)), ...(tokens === undefined ? [] : [tokens])];
}

function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

interface Person {
  readonly home: string;
  run(args: readonly string[], input?: string): Promise<Finished>;
}

function person(): Person {
  const home = folder();
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    HOME: home,
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${home}/no-bus`,
    HTTPS_PROXY: `http://somebody:${PROXY}@127.0.0.1:1`,
  };
  return {
    home,
    run: (args, input) =>
      execute(process.execPath, [HUBCTL, ...args], { env, cwd: home, ...(input !== undefined && { input }) }),
  };
}

/** A walk through everything that uses credentials; each line is a command and what it gets to read. */
function walk(host: string): readonly (readonly [args: readonly string[], input?: string])[] {
  const login = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', host];
  const name = `${host}/team/app`;
  return [
    [login, WRONG],
    [login, PASSWORD],
    [['login', host]],
    [['auth', 'ls']],
    [['auth', 'whoami', host]],
    [['pull', `${name}:1`]],
    [['pull', `${name}:2`]],
    [['push', `${name}:1`]],
    [['copy', `${name}:1`, `${name}:3`]],
    [['tags', name]],
    [['catalog', host]],
    [['inspect', '--remote', `${name}:1`]],
    [['doctor', `${name}:1`]],
    [['pull', 'registry.example/app:1', '--timeout', '2s']],
    [['store', 'verify', '--repair']],
    [['logout', host]],
  ];
}

describe.each([
  ['Bearer', () => registry.host],
  ['Basic', () => basic.host],
])('with %s', (_, host) => {
  test.each(['--debug', '--json --debug'])(
    'no output of a whole walk holds a secret, only the chosen store keeps it, and after a logout none does (%s)',
    async (flags) => {
      const { run, home } = person();
      const holders = (): readonly string[] =>
        filesBelow(home).filter((path) => FORBIDDEN.some((secret) => readFileSync(path).includes(secret)));
      const said: string[] = [];
      const elsewhere: string[] = [];
      for (const [args, input] of walk(host())) {
        const { stdout, stderr } = await run([...args, ...flags.split(' ')], input);
        said.push(`${args.join(' ')}\n${stdout}\n${stderr}`);
        elsewhere.push(...holders().filter((path) => path !== join(home, '.docker', 'config.json')));
      }
      expect(said.filter((text) => secretsIn(text).length > 0)).toEqual([]);
      expect(said.join('\n')).toContain('tester');
      expect(elsewhere).toEqual([]);
      expect(holders()).toEqual([]);
    },
    120_000,
  );
});

test.skipIf(process.platform !== 'linux')(
  'no program that is started gets a secret by its arguments or its environment',
  async () => {
    const home = folder();
    mkdirSync(join(home, '.docker'), { mode: 0o700 });
    writeFileSync(join(home, '.docker', 'config.json'), '{"credsStore":"canary"}', { mode: 0o600 });
    const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: home };
    const runs = isLong ? 10 : 2;
    const seen: string[] = [];
    for (let count = 0; count < runs; count += 1) {
      // The helper answers only when it has been looked at.
      const looked = join(home, `looked${count}`);
      const child = spawn(process.execPath, [HUBCTL, 'pull', '-q', `${registry.host}/team/app:1`], {
        env: { ...env, AWAIT: looked },
        cwd: home,
      });
      child.stdout.resume();
      child.stderr.resume();
      const watch = setInterval(() => {
        for (const pid of [child.pid, ...childrenOf(child.pid ?? 0)]) {
          const texts = ['cmdline', 'environ'].map((name) => readIfPossible(`/proc/${pid}/${name}`));
          seen.push(...texts);
          if (texts[0]?.includes('docker-credential-canary') && texts[1] !== '') writeFileSync(looked, '');
        }
      }, 5);
      const [status] = (await once(child, 'exit')) as [number];
      clearInterval(watch);
      expect(status).toBe(0);
    }
    expect(seen.flatMap((text) => FORBIDDEN.filter((secret) => text.includes(secret)))).toEqual([]);
  },
);

function childrenOf(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readIfPossible(path).split(' ').filter(Boolean).map(Number) : [];
}

function readIfPossible(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
