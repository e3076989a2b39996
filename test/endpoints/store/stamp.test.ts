import {
  chmodSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isStamped, keepsStamps, stamp } from '../../../src/endpoints/store/stamp.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { folder } from '../../helpers/folder.ts';

const bytes = Buffer.from('content that was verified');
const digest = digestOf(bytes);

function file(isVerified = true): string {
  const path = join(folder(), 'blob');
  writeFileSync(path, bytes);
  expect(stamp(path, digest, isVerified)).toBe(true);
  return path;
}

function isKnown(path: string, name = digest): boolean {
  return isStamped(statSync(path, { bigint: true }), name);
}

function write(path: string): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, 'C', 0);
  closeSync(fd);
}

describe('a file that was stamped', () => {
  test('as verified is known, also after it was read, stamped again or given another name', () => {
    for (let count = 0; count < 50; count += 1) {
      const path = file();
      readFileSync(path);
      expect(isKnown(path)).toBe(true);
      stamp(path, digest, true);
      expect(isKnown(path)).toBe(true);
      renameSync(path, `${path}-2`);
      expect(isKnown(`${path}-2`)).toBe(true);
    }
  });

  test('as not verified is not known', () => {
    for (let count = 0; count < 50; count += 1) expect(isKnown(file(false))).toBe(false);
  });

  test('is not known for other content', () => {
    expect(isKnown(file(), digestOf('other'))).toBe(false);
  });

  test('is not known once a byte was written', () => {
    for (let count = 0; count < 300; count += 1) {
      const path = file();
      write(path);
      expect(isKnown(path)).toBe(false);
      rmSync(path);
    }
  });

  test('is not known when its time was set back after that', () => {
    const path = file();
    const { atimeMs, mtimeMs } = statSync(path);
    write(path);
    utimesSync(path, atimeMs / 1000 - 60, mtimeMs / 1000 - 60);
    expect(isKnown(path)).toBe(false);
  });

  test.each([
    ['replaced by a copy', (path: string) => (rmSync(path), writeFileSync(path, bytes))],
    ['linked and written to there', (path: string) => (linkSync(path, `${path}-2`), write(`${path}-2`))],
  ])('is not known when it was %s', (_, change) => {
    const path = file();
    change(path);
    expect(isKnown(path)).toBe(false);
  });
});

test('a file that is not there gets no stamp', () => {
  expect(stamp(join(folder(), 'none'), digest, true)).toBe(false);
});

test('a file whose status changed long after its stamp is not known', () => {
  const path = file();
  const later = statSync(path, { bigint: true });
  chmodSync(path, 0o600);
  expect(isStamped({ mtimeNs: later.mtimeNs, ctimeNs: later.mtimeNs + 2_000_000_000n }, digest)).toBe(false);
});

describe('a file system', () => {
  test('that keeps times as they are set keeps stamps, and nothing of the question stays', () => {
    const dir = folder();
    expect(keepsStamps(join(dir, 'probe'), digest)).toBe(true);
    expect(() => statSync(join(dir, 'probe'))).toThrow('ENOENT');
  });

  test('that cannot be written to is asked no more', () => {
    expect(keepsStamps(join(folder(), 'no', 'folder'), digest)).toBe(true);
  });

  test('that rounds times to whole seconds does not show a stamp', () => {
    const { mtimeNs, ctimeNs } = statSync(file(), { bigint: true });
    const seconds = (mtimeNs / 1_000_000_000n) * 1_000_000_000n;
    const name = ['sha256:00000001', 'sha256:00000002'].find((text) => !isStamped({ mtimeNs: seconds, ctimeNs }, text));
    expect(name).toBeDefined();
  });
});
