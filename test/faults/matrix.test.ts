// How does hubctl do beside crane, skopeo and oras on the same faults? Measured by hand: npm run test:matrix writes the table.
import { execFile, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLayout } from '../../src/endpoints/layout/layout.ts';
import { systemClock } from '../../src/http/clock.ts';
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { copy } from '../../src/transfer/copy.ts';
import { HUBCTL } from '../helpers/hubctl.ts';
import { findPeer } from '../helpers/peers.ts';
import { isLong } from '../helpers/random.ts';
import { startFaultProxy } from './fault-proxy.ts';
import { inMemory, publish, published, testImage, type TestImage } from './image.ts';
import { ACCOUNT, targetsOf, type Row } from './play.ts';
import { PULL_ROWS } from './pull-rows.ts';
import { PUSH_ROWS } from './push-rows.ts';

const MIB = 1024 * 1024;
const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'reliability.md');
/** Seconds until a program counts as hanging; ours has promised to end within a minute. */
const PATIENCE = 45;
const OUR_PATIENCE = 60;

interface Program {
  readonly name: string;
  readonly path: string;
  readonly pull: (reference: string, out: string) => readonly string[];
  readonly push: (layout: string, reference: string) => readonly string[];
}

const ours: Program = {
  name: 'hubctl',
  path: process.execPath,
  pull: (reference, out) => [HUBCTL, 'copy', reference, `oci:${out}:1`],
  push: (layout, reference) => [HUBCTL, 'copy', `oci:${layout}:1`, reference],
};

async function find(
  name: 'crane' | 'skopeo' | 'oras',
  rest: Pick<Program, 'pull' | 'push'>,
): Promise<readonly Program[]> {
  const path = await findPeer(name);
  return path === undefined ? [] : [{ name, path, ...rest }];
}

const programs: readonly Program[] = isLong
  ? [
      ours,
      ...(await find('crane', {
        pull: (reference, out) => ['pull', '--insecure', '--format', 'oci', reference, out],
        push: (layout, reference) => ['push', '--insecure', layout, reference],
      })),
      ...(await find('skopeo', {
        pull: (reference, out) => [
          'copy',
          '--preserve-digests',
          '--src-tls-verify=false',
          `docker://${reference}`,
          `oci:${out}:1`,
        ],
        push: (layout, reference) => [
          'copy',
          '--preserve-digests',
          '--dest-tls-verify=false',
          `oci:${layout}:1`,
          `docker://${reference}`,
        ],
      })),
      ...(await find('oras', {
        pull: (reference, out) => ['copy', '--from-plain-http', reference, '--to-oci-layout', `${out}:1`],
        push: (layout, reference) => ['copy', '--from-oci-layout', `${layout}:1`, '--to-plain-http', reference],
      })),
    ]
  : [];

let registry: RegistryServer;
const images = new Map<number, TestImage>();
const layouts = new Map<number, string>();
const sizeOf = ({ size = 3 * MIB }: Row): number => size;
const results = new Map<string, Map<string, string>>();

describe.skipIf(!isLong)('beside the others', () => {
  beforeAll(async () => {
    registry = await serve();
    for (const size of new Set([...PULL_ROWS, ...PUSH_ROWS].map(sizeOf))) {
      const image = testImage(size);
      images.set(size, image);
      await publish(registry.host, `app-${size}`, image);
      const layout = await mkdtemp(join(tmpdir(), 'hubctl-layout-'));
      await using endpoint = await openLayout(layout);
      await copy(inMemory(image, '1'), endpoint, '1');
      layouts.set(size, layout);
    }
  });
  afterAll(async () => {
    for (const layout of layouts.values()) await rm(layout, { recursive: true, force: true });
    await registry.close(0);
  });

  test.each(PULL_ROWS.map((row) => [`${row.id} ${row.fault}`, row] as const))(
    'pull %s',
    (_, row) => measure(row, pull),
    600_000,
  );
  test.each(PUSH_ROWS.map((row) => [`${row.id} ${row.fault}`, row] as const))(
    'push %s',
    (_, row) => measure(row, push),
    600_000,
  );

  test('the table is written down', () => {
    const before = readFileSync(DOCUMENT, 'utf8');
    const [head = '', rest = ''] = before.split(/(?<=<!-- measured -->\n)[^]*(?=<!-- \/measured -->)/);
    writeFileSync(DOCUMENT, `${head}\n${table()}\n${rest}`);
    expect(rest).not.toBe('');
  });
});

type Play = (row: Row, program: Program) => Promise<string>;

async function measure(row: Row, play: Play): Promise<void> {
  const cells = new Map<string, string>();
  results.set(row.id, cells);
  await Promise.all(programs.map(async (program) => void cells.set(program.name, await play(row, program))));
  const word = row.exit === 0 ? /^ok / : new RegExp(`^${row.exit} `);
  expect(cells.get('hubctl')).toMatch(word);
}

async function pull(row: Row, program: Program): Promise<string> {
  const image = images.get(sizeOf(row))!;
  return scene(row, async (host, home) => {
    const name = row.byDigest ? `@${image.digest}` : ':1';
    const out = join(home, 'out');
    const ended = await run(program, program.pull(`${host}/app-${sizeOf(row)}${name}`, out), home);
    return ended.status === 0 && !isThere(out, image) ? `WRONG ${ended.seconds}` : wordFor(ended);
  });
}

async function push(row: Row, program: Program): Promise<string> {
  const image = images.get(sizeOf(row))!;
  const repository = `${row.id.toLowerCase()}-${program.name}`;
  return scene(row, async (host, home) => {
    const ended = await run(program, program.push(layouts.get(sizeOf(row))!, `${host}/${repository}:1`), home);
    const digest = await published(registry.host, `${repository}:1`, image).catch(() => 'damaged');
    return ended.status === 0 && digest !== image.digest ? `WRONG ${ended.seconds}` : wordFor(ended);
  });
}

async function scene(row: Row, play: (host: string, home: string) => Promise<string>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'hubctl-matrix-'));
  const image = images.get(sizeOf(row))!;
  const { tokens } = row;
  const proxy = await startFaultProxy({
    target: registry.host,
    rules: row.rules(targetsOf(image)),
    tokens,
    clock: systemClock,
  });
  try {
    if (tokens?.account) {
      const auth = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64');
      await mkdir(join(home, '.docker'));
      await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ auths: { [proxy.host]: { auth } } }));
    }
    return await play(proxy.host, home);
  } finally {
    await proxy.stop();
    await rm(home, { recursive: true, force: true });
  }
}

interface Ended {
  /** Undefined for one that did not end. */
  readonly status: number | undefined;
  readonly seconds: string;
}

async function run(program: Program, args: readonly string[], home: string): Promise<Ended> {
  const start = performance.now();
  const patience = program === ours ? OUR_PATIENCE : PATIENCE;
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: home, TMPDIR: tmpdir() };
  const status = await new Promise<number | undefined>((resolve) => {
    const child: ChildProcess = execFile(program.path, [...args], { env, cwd: home, maxBuffer: 64 * MIB }, (error) => {
      const code = error?.code;
      if (error === null) resolve(0);
      else resolve(typeof code === 'number' ? code : undefined);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), patience * 1000);
    child.once('close', () => clearTimeout(timer));
  });
  return { status, seconds: ((performance.now() - start) / 1000).toFixed(1) };
}

function wordFor({ status, seconds }: Ended): string {
  if (status === undefined) return 'HANG';
  return status === 0 ? `ok ${seconds}` : `${status} in ${seconds}`;
}

/** True when the layout has the whole image under its digest. */
function isThere(layout: string, image: TestImage): boolean {
  const blobs = join(layout, 'blobs', 'sha256');
  if (!existsSync(blobs)) return false;
  const sound = new Set(
    readdirSync(blobs).filter((name) => digestOf(readFileSync(join(blobs, name))) === `sha256:${name}`),
  );
  const wanted = [image.digest, ...image.blobs.map(({ descriptor }) => descriptor.digest)];
  return wanted.every((digest) => sound.has(digest.slice(7)));
}

/** Seconds of the rows that a client survives. */
function medianOf(name: string): number {
  const cells = [...PULL_ROWS, ...PUSH_ROWS].map(({ id }) => results.get(id)?.get(name) ?? '');
  const times = cells.flatMap((cell) => (cell.startsWith('ok ') ? [Number(cell.slice(3))] : []));
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

function table(): string {
  const names = programs.map(({ name }) => name);
  const rows = [...PULL_ROWS, ...PUSH_ROWS];
  const lines = rows.map((row) => {
    const goal = row.exit === 0 ? 'ok' : `exit ${row.exit}`;
    const cells = names.map((name) => results.get(row.id)?.get(name) ?? '');
    return `| ${[row.id, row.fault, goal, ...cells].join(' | ')} |`;
  });
  const count = (name: string, pattern: RegExp): number =>
    rows.filter(({ id }) => pattern.test(results.get(id)?.get(name) ?? '')).length;
  const totals = names.map((name) => {
    const counts = [/^ok/, /^\d+ in/, /^WRONG/, /^HANG/].map((pattern) => count(name, pattern));
    return `| ${[name, ...counts, `${medianOf(name).toFixed(1)} s`].join(' | ')} |`;
  });
  return [
    '| client | survived | clean error | wrong result | no end in 45 s | median of the survived |',
    '| --- | --- | --- | --- | --- | --- |',
    ...totals,
    '',
    `| row | fault | hubctl has to | ${names.join(' | ')} |`,
    `| --- | --- | --- | ${names.map(() => '---').join(' | ')} |`,
    ...lines,
  ].join('\n');
}
