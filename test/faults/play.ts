// How is one row of the table of faults played: a user, a store, a registry, and a proxy that fails between them?
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { openStore } from '../../src/endpoints/store/store.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { Copier } from '../../src/transfer/copier.ts';
import { copy } from '../../src/transfer/copy.ts';
import { Pace } from '../../src/transfer/pace.ts';
import { runCli } from '../helpers/cli.ts';
import { seededRandom } from '../helpers/random.ts';
import { startFaultProxy, type FaultProxy, type Seen } from './fault-proxy.ts';
import { inMemory, published, type TestImage } from './image.ts';
import type { Rule } from './rules.ts';
import type { TokenServiceOptions } from './token-service.ts';
import { WaitingClock } from './waiting-clock.ts';

/** What rules are about. */
export interface Targets {
  readonly big: RegExp;
  readonly blob: RegExp;
  readonly tag: RegExp;
  readonly manifest: RegExp;
  readonly upload: RegExp;
  readonly token: RegExp;
  readonly image: TestImage;
}

export interface Row {
  readonly id: string;
  readonly fault: string;
  readonly rules: (targets: Targets) => readonly Rule[];
  /** 0 when the command survives. */
  readonly exit: number;
  /** The first line on stderr after `hubctl: `, as `pattern` reads it. */
  readonly says?: string | undefined;
  readonly hint?: string | undefined;
  readonly tokens?: TokenServiceOptions | undefined;
  /** Limits of time are short, because the row has somebody wait for one. */
  readonly stalls?: true | undefined;
  /** The rules count on layers that come by one request each, as from a registry near by. */
  readonly whole?: true | undefined;
  /** Bytes of the big layer. */
  readonly size?: number | undefined;
  readonly byDigest?: true | undefined;
  /** Seconds in which it has to end, 60 unless told. */
  readonly patience?: number | undefined;
  /** True where chance may have it that nothing happens. */
  readonly quietly?: true | undefined;
  /** The registry has stored the manifest although the command failed. */
  readonly stored?: true | undefined;
  /** The most requests it may take, whatever the number of workers. */
  readonly requests?: number | undefined;
  /** The most bytes of the big layer that may cross, as a multiple of it. */
  readonly bigTimes?: number | undefined;
  /** What may cross besides, from afar, of pieces that were asked for before the first answer turned out to be useless. */
  readonly bigTimesAhead?: number | undefined;
  readonly check?: ((played: Played, targets: Targets) => void) | undefined;
}

export interface Played {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly proxy: FaultProxy;
  readonly clock: WaitingClock;
  /** `127.0.0.1:41234/app:1` */
  readonly reference: string;
}

export interface Stage {
  /** The registry behind the proxy. */
  readonly host: string;
  readonly image: TestImage;
  readonly workers: number;
  /** As from a registry whose answers take their time: layers come in pieces. Near by unless told. */
  readonly isFar?: true | undefined;
  /** Of everything that is left to chance; the workers unless told. */
  readonly seed?: number | undefined;
}

export const ACCOUNT = { username: 'alice', password: 'canary-password-6f1d' } as const;
// A registry beside many other tests takes its time for what it has to hash.
const LIMITS = { connect: 400, handshake: 400, headers: 400, body: 400, upload: 400, commit: 1000 };

export function targetsOf(image: TestImage): Targets {
  return {
    image,
    big: new RegExp(`/blobs/${image.big.descriptor.digest}`),
    blob: /\/blobs\/sha256:/,
    tag: /\/manifests\/1$/,
    manifest: /\/manifests\//,
    upload: /\/blobs\/uploads\//,
    token: /^\/token/,
  };
}

interface Scene extends AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly clock: WaitingClock;
  readonly store: string;
  run(args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }>;
}

/** A user with an empty home, and a proxy with the faults of a row. */
async function setScene(row: Row, stage: Stage): Promise<Scene> {
  const clock = new WaitingClock();
  const { seed = stage.workers } = stage;
  const home = await mkdtemp(join(tmpdir(), 'hubctl-faults-'));
  const targets = targetsOf(stage.image);
  const { tokens } = row;
  const proxy = await startFaultProxy({
    target: stage.host,
    rules: row.rules(targets),
    clock,
    seed,
    tokens,
  });
  if (tokens?.account) await logIn(home, proxy.host);
  const store = join(home, 'store');
  const network = {
    clock,
    random: seededRandom(seed),
    ...(row.stalls && { timeouts: LIMITS, tokenTimeout: 400 }),
  };
  const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
  return {
    proxy,
    clock,
    store,
    run: (args) =>
      runCli(['--store', store, '--concurrency', String(stage.workers), '--progress', 'none', ...args], {
        home,
        env,
        network,
      }),
    [Symbol.asyncDispose]: async () => {
      await proxy.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function logIn(home: string, host: string): Promise<void> {
  const auth = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64');
  await mkdir(join(home, '.docker'));
  await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }), {
    mode: 0o600,
  });
}

/** Pulls tag 1 of a repository through the faults, and looks at everything that is left behind. */
export async function playPull(row: Row, stage: Stage, repository = 'app'): Promise<void> {
  keepDistance(stage.isFar === true);
  await using scene = await setScene(row, stage);
  const { proxy, clock, store } = scene;
  const { image } = stage;
  const reference = `${proxy.host}/${repository}${row.byDigest ? `@${image.digest}` : ':1'}`;
  const result = await scene.run(['pull', reference]);
  const played = { ...result, proxy, clock, reference };
  judge(row, played, stage);
  const stored = await storedIn(store);
  if (row.exit === 0) {
    expect(stored.images).toEqual([[reference, image.digest]]);
    expect(new Set(stored.blobs)).toEqual(
      new Set([image.digest, ...image.blobs.map((blob) => blob.descriptor.digest)]),
    );
    expect(stored.partial).toEqual([]);
  } else expect(stored.images).toEqual([]);
  row.check?.(played, targetsOf(image));
}

/** Until the test ends. What makes a source far is the time of this machine, which a test must not depend on. */
function keepDistance(isFar: boolean): void {
  const far = vi.spyOn(Copier.prototype, 'farBy').mockImplementation(() => undefined);
  const slow = vi.spyOn(Pace.prototype, 'isSlow', 'get').mockReturnValue(isFar);
  onTestFinished(() => {
    far.mockRestore();
    slow.mockRestore();
  });
}

/** Pushes `app:1` through the faults into a repository of its own, and asks the registry what has arrived. */
export async function playPush(row: Row, stage: Stage, repository: string): Promise<void> {
  await using scene = await setScene(row, stage);
  const { proxy, clock } = scene;
  const { image, host } = stage;
  const reference = `${proxy.host}/${repository}:1`;
  {
    await using store = await openStore(scene.store);
    await copy(inMemory(image, reference), store, reference);
  }
  const result = await scene.run(['push', reference]);
  const played = { ...result, proxy, clock, reference };
  judge(row, played, stage);
  expect(await published(host, `${repository}:1`, image)).toBe(row.exit === 0 || row.stored ? image.digest : undefined);
  row.check?.(played, targetsOf(image));
}

/** What holds for every row. */
function judge(row: Row, played: Played, { image, isFar }: Stage): void {
  const { status, stderr, stdout, proxy, clock, reference } = played;
  const log = proxy.log.map(({ method, path, status, fault }) => `${method} ${path} ${status} ${fault ?? ''}`);
  expect(status, `${stderr}\n${log.join('\n')}`).toBe(row.exit);
  expect(clock.elapsed, 'seconds').toBeLessThan(row.patience ?? 60);
  for (const secret of [ACCOUNT.password, 'canary-token', 'Bearer ']) expect(stderr + stdout).not.toContain(secret);
  const happened = row.quietly === true || proxy.log.some(({ fault }) => fault !== undefined);
  expect(happened, 'the fault happened').toBe(true);
  if (row.requests !== undefined) expect(proxy.log.length, log.join('\n')).toBeLessThanOrEqual(row.requests);
  if (row.bigTimes !== undefined) {
    const size = image.big.descriptor.size;
    const ahead = isFar === true ? (row.bigTimesAhead ?? 0) : 0;
    expect(bytesOfBig(proxy, image) / size).toBeLessThanOrEqual(row.bigTimes + ahead + 0.01);
  }
  const line = stderr.split('\n').find((text) => text.startsWith('hubctl: '));
  if (row.says !== undefined) expect(line).toMatch(pattern(`hubctl: ${row.says}`, played, image));
  const hint = stderr.split('\n').find((text) => text.startsWith('  hint: '));
  if (row.hint !== undefined) expect(hint).toMatch(pattern(`  hint: ${row.hint}`, played, image));
  if (row.exit !== 0)
    expect({ line, hint }).toEqual({ line: expect.stringContaining(reference), hint: expect.any(String) });
}

/** A line in which {ref}, {host}, {big}, {size} and {digest} stand for what they say, {count} for a number, other words for a digest. */
function pattern(text: string, { reference, proxy }: Played, image: TestImage): RegExp {
  const { digest, size } = image.big.descriptor;
  const words: Readonly<Record<string, string>> = {
    ref: reference,
    host: proxy.host,
    big: digest,
    digest: image.digest,
    size: String(size),
  };
  const escape = (plain: string): string => plain.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const source = text.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return escape(part);
    if (part === 'count') return String.raw`[1-9]\d*`;
    return words[part] === undefined ? 'sha256:[0-9a-f]{64}' : escape(words[part]);
  });
  return new RegExp(`^${source.join('')}$`);
}

/** Bytes of the big layer that crossed, either way. */
export function bytesOfBig(proxy: FaultProxy, image: TestImage): number {
  const { digest } = image.big.descriptor;
  const downloads = proxy.requests('GET', new RegExp(`/blobs/${digest}`));
  return downloads.reduce((sum: number, seen: Seen) => sum + seen.answerBytes, 0);
}

interface Stored {
  readonly images: readonly (readonly [name: string | undefined, digest: string])[];
  readonly blobs: readonly string[];
  readonly partial: readonly string[];
}

/** What a store shows, after every blob in it was hashed. */
async function storedIn(dir: string): Promise<Stored> {
  if (!existsSync(dir)) return { images: [], blobs: [], partial: [] };
  await using store = await openStore(dir);
  const images = await store.images();
  const folder = join(dir, 'blobs', 'sha256');
  const blobs = existsSync(folder) ? readdirSync(folder).map((name) => `sha256:${name}`) : [];
  for (const digest of blobs) expect(digestOf(readFileSync(join(folder, digest.slice(7))))).toBe(digest);
  const partial = join(dir, 'partial');
  return {
    images: images.map(({ name, descriptor }) => [name, descriptor.digest] as const),
    blobs,
    partial: existsSync(partial) ? readdirSync(partial) : [],
  };
}
