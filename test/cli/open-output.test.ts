import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkStdout, isOnStdout, openOutput, type OutputTarget } from '../../src/cli/open-output.ts';
import { parseReference } from '../../src/spec/reference.ts';
import { newContext, type NewContext, type NewContextOptions } from '../helpers/context.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import { imageOf, opener, putImage } from '../helpers/stores.ts';

const NAME = 'docker.io/library/app:1';
const reference = parseReference('app:1');
const byDigest = parseReference(`app@sha256:${'0'.repeat(64)}`);
const { manifest, blobs } = imageOf();

/** The target, and what is written meanwhile. */
async function open(text?: string, options?: NewContextOptions): Promise<NewContext & { target: OutputTarget }> {
  const made = newContext(options);
  return { ...made, target: await openOutput(made.context, text) };
}

async function fill({ sink }: OutputTarget, as = NAME): Promise<void> {
  for (const blob of blobs) await sink.write(blob.descriptor, opener(blob), blob === manifest ? { as } : {});
}

describe('without --output', () => {
  test('the store is the target', async () => {
    const { target, context } = await open();
    expect(target.store).toBe(await context.store());
    expect(target.sink).toBe(target.store);
    expect(target.whole).toBe(false);
  });

  test('what a name means now is known', async () => {
    const { target, context } = await open();
    expect(await target.known(NAME)).toBeUndefined();
    const image = await putImage(await context.store(), NAME);
    expect(await target.known(NAME)).toMatchObject(image.manifest.descriptor);
  });

  test('names are canonical ones', async () => {
    expect((await open()).target.nameFor(reference)).toBeUndefined();
  });

  test('closing leaves the store open for others', async () => {
    const { target, context } = await open();
    await target.close();
    await putImage(await context.store(), NAME);
    expect(await target.known(NAME)).toBeDefined();
  });
});

describe('names', () => {
  test.each([
    ['oci:DIR', '1', byDigest.digest],
    ['oci:DIR:mine', 'mine', 'mine'],
    ['docker-archive:DIR', NAME, `docker.io/library/app@${byDigest.digest}`],
    ['oci-archive:DIR', NAME, `docker.io/library/app@${byDigest.digest}`],
    ['docker-archive:DIR:mine:2', 'docker.io/library/mine:2', 'docker.io/library/mine:2'],
  ])('in %s are %s', async (text, tagged, digested) => {
    const { target } = await open(text.replace('DIR', join(folder(), 'x')));
    expect([target.nameFor(reference), target.nameFor(byDigest)]).toEqual([tagged, digested]);
  });
});

describe('a file or a folder', () => {
  test('is not made before something is written', async () => {
    const dir = folder();
    const { target } = await open(`docker-archive:${join(dir, 'x.tar')}`);
    await target.close();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('is no store, and nothing is known of it', async () => {
    const { target, context } = await open(`oci:${join(folder(), 'x')}`);
    await putImage(await context.store(), NAME);
    expect(target.store).toBeUndefined();
    expect(await target.known(NAME)).toBeUndefined();
  });

  test('of an archive is whole or nothing', async () => {
    const file = join(folder(), 'x.tar');
    const { target } = await open(`docker-archive:${file}`);
    expect(target.whole).toBe(true);
    await fill(target);
    expect(existsSync(file)).toBe(false);
    await target.commit();
    expect(existsSync(file)).toBe(true);
  });

  test('of an archive that is not committed leaves nothing', async () => {
    const dir = folder();
    const { target } = await open(`docker-archive:${join(dir, 'x.tar')}`);
    await fill(target);
    await target.close();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('of a layout holds each image as soon as that is there', async () => {
    const dir = join(folder(), 'x');
    const { target } = await open(`oci:${dir}`);
    expect(target.whole).toBe(false);
    await fill(target, '1');
    expect(readdirSync(dir)).toContain('index.json');
  });
});

describe('lines of result', () => {
  test.each([undefined, 'oci:DIR', 'docker-archive:DIR/-', 'oci:-'])('go to stdout with %s', async (text) => {
    const { target, io } = await open(text?.replace('DIR', folder()));
    target.line('done');
    expect([io.stdout.text, io.stderr.text]).toEqual(['done\n', '']);
  });

  test.each(['-', 'docker-archive:-', 'oci-archive:-', 'docker-archive:-:app:1'])(
    'go to stderr with %s',
    async (text) => {
      const { target, io } = await open(text);
      target.line('done');
      expect([io.stdout.text, io.stderr.text]).toEqual(['', 'done\n']);
    },
  );
});

describe('a target', () => {
  test.each(['', 'x.tar', 'store:app', 'docker:app', 'dir:x', 'OCI:x'])('%j is refused', async (text) => {
    const { context } = newContext();
    expect(await hubErrorFrom(() => openOutput(context, text))).toMatchObject({
      code: 'USAGE',
      message: `--output ${text} is not understood`,
    });
  });

  test('needs a path', async () => {
    const { context } = newContext();
    expect(await hubErrorFrom(() => openOutput(context, 'oci:'))).toMatchObject({ code: 'REFERENCE_INVALID' });
  });

  test('on a terminal is refused with the way out as a hint', async () => {
    const { context } = newContext({ tty: true });
    expect(await hubErrorFrom(() => openOutput(context, '-'))).toMatchObject({
      code: 'USAGE',
      hint: 'use --output docker-archive:FILE',
    });
  });
});

test.each([
  ['docker-archive:-', true],
  ['oci-archive:-:app:1', true],
  ['docker-archive:-x', false],
  ['docker-archive:x:-', false],
  ['oci:-', false],
  ['localhost/app', false],
])('isOnStdout(%j) is %j', (target, expected) => {
  expect(isOnStdout(target)).toBe(expected);
});

describe('checkStdout', () => {
  test('lets a pipe pass', () => {
    const { context } = newContext();
    checkStdout(context, 'no reason');
  });

  test('refuses to mix JSON with an archive', async () => {
    const { context } = newContext({ flags: { json: true } });
    expect(await hubErrorFrom(() => checkStdout(context, 'use -o FILE'))).toMatchObject({
      code: 'USAGE',
      message: '--json and the archive cannot both be on stdout',
      hint: 'use -o FILE',
    });
  });
});
