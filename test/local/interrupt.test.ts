// Does Ctrl-C end hubctl at once, whatever it is doing, and is the terminal as it was?
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folder } from '../helpers/folder.ts';
import { HUBCTL } from '../helpers/hubctl.ts';
import { startLocalServer, type LocalServer } from '../helpers/local-server.ts';
import { hasPty, inShell, onPty, outcomeOf } from '../helpers/pty.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { documentOf, fillRegistry, sampleImage, type SampleImage } from '../helpers/sample-image.ts';

const random = seededRandom(seed);
const COUNT = isLong ? 50 : 8;
/** Milliseconds after the start; what is interrupted takes longer than that. */
const LATEST = 1500;
/** Milliseconds from the key to the end of the process. */
const AT_MOST = 200;
const SLOW = '--limit-rate 1MB/s';

let registry: Registry;
let guarded: Registry;
let index: LocalServer;
const shared = mkdtempSync(join(tmpdir(), 'hubctl-test-'));
const store = join(shared, 'store');

beforeAll(async () => {
  [registry, guarded] = [await startRegistry(), await startRegistry({ auth: 'basic' })];
  // An index that never answers.
  index = await startLocalServer(() => new Promise(() => undefined));
  fillRegistry(registry.contents, ['app', '1'], largeImage(4_000_000));
  const pull = command(`pull -q --store ${store} ${registry.host}/app:1`, shared);
  const tag = command(`tag --store ${store} ${registry.host}/app:1 ${guarded.host}/pushed:1`, shared);
  const { status } = await inShell(`${pull} && ${tag}`);
  expect(status).toBe(0);
});
afterAll(async () => {
  await Promise.all([registry.stop(), guarded.stop(), index.stop()]);
  rmSync(shared, { recursive: true, force: true });
});

function largeImage(size: number): SampleImage {
  const { config, manifest } = sampleImage();
  const layer = documentOf(randomBytes(random, size), 'application/vnd.oci.image.layer.v1.tar');
  const own = documentOf(
    { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] } },
    config.descriptor.mediaType,
  );
  const { mediaType } = manifest.descriptor;
  const document = { schemaVersion: 2, mediaType, config: own.descriptor, layers: [layer.descriptor] };
  return { manifest: documentOf(document, mediaType), config: own, layers: [layer] };
}

function command(args: string, home: string = folder()): string {
  return `HOME=${home} DBUS_SESSION_BUS_ADDRESS=unix:path=${home}/no-bus ${process.execPath} ${HUBCTL} ${args}`;
}

const JOBS: Readonly<Record<string, () => string>> = {
  'a pull': () => command(`pull --store ${join(folder(), 'store')} ${SLOW} ${registry.host}/app:1`),
  'a push': () =>
    `HUBCTL_REGISTRY=${guarded.host} HUBCTL_USERNAME=tester HUBCTL_PASSWORD=secret ${command(`push --store ${store} ${SLOW} ${guarded.host}/pushed:1`)}`,
  'a login': () => command(`login -u tester --credential-store file ${guarded.host}`),
  'a search': () => command(`search --index ${index.origin}/v1/ word`),
};

interface Interrupted {
  readonly job: string;
  readonly wait: number;
  readonly status: number;
  readonly settingsKept: boolean;
  readonly cursorShown: boolean;
  /** Milliseconds from the key to the end of the process. */
  readonly delay: number;
}

/** Runs a job on a terminal and types Ctrl-C some time after its start. */
async function interrupt(job: string, line: string, wait: number): Promise<Interrupted> {
  const script = `trap : INT; stty -g; echo started; ${line}; echo "status=$? ended=$EPOCHREALTIME"; stty -g`;
  let typedAt = 0;
  const typed = [{ after: 'started', keys: '\u0003', wait, onTyped: (at: number) => (typedAt = at) }];
  const seen = await onPty(script, { env: { SHELL: '/bin/bash', LC_ALL: 'C' }, typed });
  const { before, after, status } = outcomeOf(seen);
  const ended = Number(/ended=([\d.]+)/.exec(seen)?.[1]) * 1000;
  return {
    job,
    wait,
    status,
    settingsKept: before !== '' && before === after,
    // The last word about the cursor is that it is shown.
    cursorShown: seen.lastIndexOf('\u001B[?25l') <= seen.lastIndexOf('\u001B[?25h'),
    delay: Math.round(ended - typedAt),
  };
}

const names = Object.keys(JOBS);
const moments = Array.from({ length: COUNT }, (_, at) => ({
  job: names[at % names.length] ?? '',
  wait: Math.floor(random() * LATEST),
}));
const outcomes: Interrupted[] = [];

describe.skipIf(!hasPty)('Ctrl-C', () => {
  test.each(moments)('ends $job after $wait ms with 130 and leaves the terminal as it was', async ({ job, wait }) => {
    const outcome = await interrupt(job, JOBS[job]?.() ?? '', wait);
    outcomes.push(outcome);
    expect(outcome).toMatchObject({ status: 130, settingsKept: true, cursorShown: true });
  });

  test.skipIf(!isLong)('is obeyed within 200 ms each time', () => {
    const sorted = outcomes.map(({ delay }) => delay).toSorted((a, b) => a - b);
    console.log(`Ctrl-C: ${sorted.length} moments, median ${sorted[sorted.length >> 1]} ms, most ${sorted.at(-1)} ms`);
    expect(outcomes.filter(({ delay }) => delay > AT_MOST)).toEqual([]);
  });
});
