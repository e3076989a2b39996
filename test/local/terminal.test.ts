// Is the terminal as it was, however hubctl ends, and does it fit into pipes?
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/spec/digest.ts';
import { folder } from '../helpers/folder.ts';
import { HUBCTL } from '../helpers/hubctl.ts';
import { hasPty, inShell, onPty, outcomeOf, watched } from '../helpers/pty.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { startRegistry, type Registry } from '../helpers/registry.ts';
import { documentOf, fillRegistry, sampleImage } from '../helpers/sample-image.ts';

const random = seededRandom(seed);
let registry: Registry;
let guarded: Registry;

beforeAll(async () => {
  [registry, guarded] = [await startRegistry(), await startRegistry({ auth: 'basic' })];
  const image = sampleImage({ layers: ['x'] });
  const layer = documentOf(randomBytes(random, 3_000_000), 'application/vnd.oci.image.layer.v1.tar');
  const config = documentOf(
    {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(layer.bytes)] },
    },
    image.config.descriptor.mediaType,
  );
  const manifest = documentOf(
    {
      schemaVersion: 2,
      mediaType: image.manifest.descriptor.mediaType,
      config: config.descriptor,
      layers: [layer.descriptor],
    },
    image.manifest.descriptor.mediaType,
  );
  fillRegistry(registry.contents, ['app', '1'], { manifest, config, layers: [layer] });
  for (let tag = 0; tag < 5000; tag += 1)
    registry.contents.putManifest(
      'many',
      { mediaType: manifest.descriptor.mediaType, bytes: manifest.bytes },
      `t${tag}`,
    );
});
afterAll(() => Promise.all([registry.stop(), guarded.stop()]));

function command(args: string, home: string = folder()): string {
  const env = `HOME=${home} DBUS_SESSION_BUS_ADDRESS=unix:path=${home}/no-bus`;
  return `${env} ${process.execPath} ${HUBCTL} ${args}`;
}

/** The last word about the cursor is that it is shown. */
function cursorIsShown(text: string): boolean {
  return text.lastIndexOf('\u001B[?25l') <= text.lastIndexOf('\u001B[?25h');
}

const SLOW = '--limit-rate 1MB/s';

describe.skipIf(!hasPty)('on a terminal', () => {
  test.each(Array.from({ length: isLong ? 50 : 5 }, (_, at) => at))(
    'Ctrl-C in a pull leaves it as it was (%i)',
    async () => {
      const store = join(folder(), 'store');
      // As soon as anything is drawn, and some time after.
      const wait = Math.floor(random() * 300);
      const seen = await onPty(
        watched(
          `( sleep ${wait / 1000}; kill -INT $$ ) & trap : INT; ${command(`pull --store ${store} ${SLOW} ${registry.host}/app:1`)}`,
        ),
        { typed: [{ after: /Pulling|Downloading|%/, keys: '\u0003' }] },
      );
      const { before, after, status } = outcomeOf(seen);
      expect({ status, after }).toEqual({ status: 130, after: before });
      expect(cursorIsShown(seen)).toBe(true);
    },
  );

  test('a pull that ends shows the cursor again', async () => {
    const seen = await onPty(watched(command(`pull --store ${join(folder(), 'store')} ${registry.host}/app:1`)));
    const { before, after, status } = outcomeOf(seen);
    expect({ status, after }).toEqual({ status: 0, after: before });
    expect(cursorIsShown(seen)).toBe(true);
  });

  test.each([
    ['Ctrl-C', '\u0003', 130],
    ['Ctrl-D', '\u0004', 2],
  ])('%s at the password question turns echo on again', async (_, keys, expected) => {
    const seen = await onPty(watched(command(`login -u tester --credential-store file ${guarded.host}`)), {
      typed: [{ after: 'Password:', keys }],
    });
    const { before, after, status } = outcomeOf(seen);
    expect({ status, after }).toEqual({ status: expected, after: before });
  });

  test('a password is not shown while it is typed', async () => {
    const seen = await onPty(watched(command(`login -u tester --credential-store file ${guarded.host}`)), {
      typed: [{ after: 'Password:', keys: 'secret\r' }],
    });
    expect(outcomeOf(seen).status).toBe(0);
    expect(seen).not.toContain('secret');
  });

  test.each([
    ['TERM=dumb', ''],
    ['NO_COLOR=1', ''],
    ['CI=true', ''],
    ['', '--progress plain'],
    ['', '--no-progress'],
  ])('%s %s: no progress bar is drawn', async (env, flags) => {
    const seen = await onPty(
      `${env} ${command(`pull ${flags} --store ${join(folder(), 'store')} ${registry.host}/app:1`)}`,
    );
    const escapes = env === 'NO_COLOR=1' ? /\u001B\[\d*(?:;\d+)*m/ : /\u001B/;
    expect(escapes.exec(seen)).toBeNull();
  });

  test.each([20, 0])('%i columns are no reason to fail', async (columns) => {
    const seen = await onPty(
      watched(`stty cols ${columns}; ${command(`pull --store ${join(folder(), 'store')} ${registry.host}/app:1`)}`),
    );
    expect(outcomeOf(seen).status).toBe(0);
  });
});

describe('in a pipe', () => {
  test('a reader that leaves is no failure, and nothing is said about it', async () => {
    const { status, stdout, stderr } = await inShell(
      `set -o pipefail; ${command(`tags ${registry.host}/many`)} | head -1`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: 't0\n', stderr: '' });
    expect([0, 141]).toContain(status);
  });

  test('a full disk behind stdout is told', async () => {
    const { status, stderr } = await inShell(`${command(`tags ${registry.host}/many`)} > /dev/full`);
    expect(status).toBe(9);
    expect(stderr).toMatch(/^hubctl: cannot write to stdout/);
  });

  test('a closed stdin and stderr are no failure', async () => {
    const { status } = await inShell(`${command(`tags -q ${registry.host}/app`)} <&- 2>&-`);
    expect(status).toBe(0);
  });

  test('no escape sequence is written', async () => {
    const { stdout, stderr } = await inShell(command(`pull --store ${join(folder(), 'store')} ${registry.host}/app:1`));
    expect(stdout + stderr).not.toContain('\u001B');
  });
});

test.each([
  ['INT', 130],
  ['TERM', 143],
  ['HUP', 129],
])('SIG%s ends a pull with status %i, and the next one continues', async (signal, expected) => {
  const store = join(folder(), 'store');
  const pull = command(`pull --no-progress --store ${store} ${SLOW} ${registry.host}/app:1`);
  const script = `${pull} & pid=$!; while ! ls ${store}/partial/*.part >/dev/null 2>&1; do sleep 0.02; done; kill -${signal} $pid; wait $pid; echo $?`;
  const { stdout } = await inShell(script);
  expect(stdout.trim().split('\n').at(-1)).toBe(String(expected));
  const again = await inShell(command(`pull -q --store ${store} ${registry.host}/app:1`));
  expect(again.status).toBe(0);
});
