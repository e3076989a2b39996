import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BLOCK,
  encodeEntry,
  isTarHeader,
  listTar,
  paddingAfter,
  TAR_END,
  type TarEntry,
  type TarMember,
} from '../../src/layers/tar.ts';
import { tarOf, type TarFile } from '../helpers/images.ts';

const run = promisify(execFile);

function list(bytes: Buffer): Promise<readonly TarMember[]> {
  return listTar(async (position, length) => bytes.subarray(position, position + length), bytes.length, 'x.tar');
}

const names = async (bytes: Buffer): Promise<string[]> => (await list(bytes)).map(({ path }) => path);

/** A header with a type that the writer never makes. */
function header(path: string, size: number, type: string): Buffer {
  const [block] = encodeEntry({ path, kind: 'file', size });
  return rewritten(Buffer.from(block!), 156, type);
}

function rewritten(block: Buffer, offset: number, text: string): Buffer {
  block.write(text, offset, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function padded(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc(paddingAfter(bytes.length))]);
}

const LONG = `${'directory-with-a-long-name/'.repeat(12)}file.txt`;

describe('listing a tar', () => {
  it('tells names, kinds, sizes and places', async () => {
    const entries: TarFile[] = [
      { path: 'etc/', kind: 'directory', size: 0, mode: 0o700, uid: 1, gid: 2, mtime: 1_700_000_000 },
      ['etc/passwd', 'root:x:0\n'],
      { path: 'etc/link', kind: 'symlink', size: 0, linkPath: 'passwd' },
      { path: 'etc/hard', kind: 'hardlink', size: 0, linkPath: 'etc/passwd' },
      { path: 'dev/null', kind: 'character', size: 0, deviceMajor: 1, deviceMinor: 3 },
      { path: 'pipe', kind: 'fifo', size: 0 },
    ];
    const bytes = tarOf(entries);
    const members = await list(bytes);
    expect(members).toMatchObject([
      { path: 'etc/', kind: 'directory', size: 0, mode: 0o700, uid: 1, gid: 2, mtime: 1_700_000_000 },
      { path: 'etc/passwd', kind: 'file', size: 9, mode: 0o644, uid: 0, gid: 0, mtime: 0 },
      { path: 'etc/link', kind: 'symlink', linkPath: 'passwd' },
      { path: 'etc/hard', kind: 'hardlink', linkPath: 'etc/passwd' },
      { path: 'dev/null', kind: 'character', deviceMajor: 1, deviceMinor: 3 },
      { path: 'pipe', kind: 'fifo' },
    ]);
    const { offset, size } = members[1]!;
    expect(bytes.subarray(offset, offset + size).toString()).toBe('root:x:0\n');
  });

  it('reads long and foreign names from PAX records', async () => {
    const entries: TarFile[] = [
      [LONG, 'long'],
      ['straße/日本.txt', 'foreign'],
      { path: 'link', kind: 'symlink', size: 0, linkPath: `${LONG}/target` },
      { path: 'hard', kind: 'hardlink', size: 0, linkPath: 'straße/日本.txt' },
    ];
    expect(await list(tarOf(entries))).toMatchObject([
      { path: LONG, size: 4 },
      { path: 'straße/日本.txt', size: 7 },
      { path: 'link', linkPath: `${LONG}/target` },
      { path: 'hard', linkPath: 'straße/日本.txt' },
    ]);
  });

  it('reads GNU long names, and a global header', async () => {
    const bytes = Buffer.concat([
      header('pax_global_header', 20, 'g'),
      padded('20 comment=whatever\n'),
      header('././@LongLink', LONG.length + 1, 'L'),
      padded(`${LONG}\0`),
      header('././@LongLink', 7, 'K'),
      padded('target\0'),
      ...encodeEntry({ path: 'cut-off', kind: 'symlink', size: 0, linkPath: 'cut' }),
      TAR_END,
    ]);
    expect(await list(bytes)).toMatchObject([{ path: LONG, kind: 'symlink', linkPath: 'target' }]);
  });

  it('takes the long name as it is where the header has a prefix too', async () => {
    const [block] = encodeEntry({ path: 'short', kind: 'file', size: 0 });
    const bytes = Buffer.concat([
      header('././@LongLink', 9, 'L'),
      padded('the/name\0'),
      rewritten(Buffer.from(block!), 345, 'some/prefix'),
      TAR_END,
    ]);
    expect(await names(bytes)).toEqual(['the/name']);
  });

  it('takes the size from PAX records, as other programs do', async () => {
    const [block] = encodeEntry({ path: 'big', kind: 'file', size: 3 });
    const bytes = Buffer.concat([
      header('PaxHeader/big', 12, 'x'),
      padded('12 size=600\n'),
      block!,
      Buffer.alloc(1024),
      TAR_END,
    ]);
    expect(await list(bytes)).toMatchObject([{ path: 'big', size: 600 }]);
  });

  it('lists what GNU tar lists', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hubctl-tar-'));
    const bytes = tarOf([[LONG, 'x'], ['a', 'y'], ['ü', 'z'], { path: 'd/', kind: 'directory', size: 0 }]);
    await writeFile(join(dir, 'x.tar'), bytes);
    const { stdout } = await run('tar', ['--quoting-style=literal', '-tf', join(dir, 'x.tar')], {
      env: { LC_ALL: 'C.UTF-8' },
    });
    expect(await names(bytes)).toEqual(stdout.trim().split('\n'));
    await rm(dir, { recursive: true });
  });

  it('reads what GNU tar writes in all its formats', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hubctl-tar-'));
    const file = `${'n'.repeat(120)}.txt`;
    await writeFile(join(dir, file), 'content');
    for (const format of ['gnu', 'oldgnu', 'pax', 'posix']) {
      const { stdout } = await run('tar', [`--format=${format}`, '-C', dir, '-cf', '-', `./${file}`], {
        encoding: 'buffer',
      });
      const members = await list(stdout);
      expect(members.map(({ path }) => path.replace(/^\.\//, ''))).toEqual([file]);
      const { offset, size } = members[0]!;
      expect(stdout.subarray(offset, offset + size).toString()).toBe('content');
    }
    await rm(dir, { recursive: true });
  });

  it('ends at the zero blocks, and does not need them', async () => {
    const entry = tarOf([['a', 'x']], Buffer.alloc(0));
    expect(await names(entry)).toEqual(['a']);
    expect(await names(entry.subarray(0, BLOCK + 1))).toEqual(['a']);
    expect(await names(Buffer.concat([entry, TAR_END, Buffer.from('junk')]))).toEqual(['a']);
    expect(await names(Buffer.from(TAR_END))).toEqual([]);
  });

  it.each([
    ['in a header', BLOCK + 512 + 100],
    ['in a file', BLOCK + 100],
  ])('says so when the tar is cut off %s', async (_, length) => {
    const bytes = tarOf([
      ['a', 'x'.repeat(200)],
      ['b', 'y'],
    ]).subarray(0, length);
    await expect(list(bytes)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringMatching(/cut off/) as string,
    });
  });

  it('says so when a long name has no entry after it', async () => {
    const bytes = Buffer.concat([header('././@LongLink', 5, 'L'), padded('name\0')]);
    await expect(list(bytes)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('refuses damaged headers', async () => {
    const bytes = tarOf([['a', 'x']]);
    bytes[3] = 0x41;
    await expect(list(bytes)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: 'x.tar is damaged: no header at byte 0',
    });
  });

  it.each([
    ['negative', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
    ['beyond all numbers', '\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff'],
    ['not encoded as anything', '\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01'],
    ['larger than the file', '77777777777\0'],
    ['no number', 'zzzzzzzzzzz\0'],
  ])('refuses sizes that are %s', async (_, size) => {
    const [block] = encodeEntry({ path: 'a', kind: 'file', size: 1 });
    const bytes = Buffer.concat([rewritten(Buffer.from(block!), 124, size), Buffer.alloc(1024)]);
    await expect(list(bytes)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('does not allocate what an extended header claims to have', async () => {
    const bytes = Buffer.concat([header('PaxHeader/x', 0o7777777777, 'x'), Buffer.alloc(1024)]);
    await expect(list(bytes)).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('refuses names that no file system holds', async () => {
    const path = 'n/'.repeat(3000);
    await expect(list(tarOf([[`${path}x`, '']]))).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });

  it('knows a tar by its first block', () => {
    expect(isTarHeader(tarOf([['a', 'x']]).subarray(0, BLOCK))).toBe(true);
    expect(isTarHeader(Buffer.alloc(BLOCK))).toBe(true);
    expect(isTarHeader(Buffer.alloc(BLOCK, 'text of some other kind '))).toBe(false);
    expect(isTarHeader(Buffer.alloc(100))).toBe(false);
    expect(isTarHeader(Buffer.alloc(BLOCK, 0xff))).toBe(false);
  });
});

describe('writing a tar', () => {
  it('gives the same bytes for the same entry', () => {
    const entry: TarEntry = { path: `${LONG}é`, kind: 'file', size: 5 };
    expect(Buffer.concat(encodeEntry(entry)).equals(Buffer.concat(encodeEntry({ ...entry })))).toBe(true);
  });

  it('needs no extended header for what fits', () => {
    expect(encodeEntry({ path: 'a/b', kind: 'file', size: 5, mtime: 1_700_000_000 })).toHaveLength(1);
    expect(encodeEntry({ path: `${'d/'.repeat(70)}${'f'.repeat(50)}`, kind: 'file', size: 5 })).toHaveLength(1);
  });

  it('holds large files, owners and early times', async () => {
    const entry = {
      path: 'big',
      kind: 'file',
      size: 9 * 1024 ** 3,
      uid: 4_000_000,
      gid: 5_000_000,
      mtime: -5,
    } as const;
    const bytes = Buffer.concat(encodeEntry(entry));
    const members = await listTar(
      async (position, length) => bytes.subarray(position, position + length),
      bytes.length + entry.size,
      'x.tar',
    );
    expect(members).toMatchObject([entry]);
  });

  it('is understood by GNU tar', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hubctl-tar-'));
    await writeFile(
      join(dir, 'x.tar'),
      tarOf([
        { path: 'd/', kind: 'directory', size: 0, mode: 0o750, uid: 12, gid: 34 },
        [`d/${'é'.repeat(80)}`, 'x'],
        { path: 'l', kind: 'symlink', size: 0, linkPath: 'd' },
        { path: 'n', kind: 'block', size: 0, deviceMajor: 8, deviceMinor: 1 },
      ]),
    );
    const { stdout } = await run(
      'tar',
      ['--quoting-style=literal', '--numeric-owner', '--utc', '-tvf', join(dir, 'x.tar')],
      {
        env: { LC_ALL: 'C.UTF-8' },
      },
    );
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^drwxr-x--- 12\/34 +0 1970-01-01 00:00 d\/$/);
    expect(lines[1]).toMatch(/^-rw-r--r-- 0\/0 +1 .*é{80}$/);
    expect(lines[2]).toMatch(/^lrw-r--r-- .* l -> d$/);
    expect(lines[3]).toMatch(/^brw-r--r-- .* 8,1 .* n$/);
    await rm(dir, { recursive: true });
  });

  it('refuses kinds that a tar cannot hold', () => {
    expect(() => encodeEntry({ path: 'x', kind: 'other', size: 0 })).toThrow('cannot hold');
  });
});

describe('what a header says beside the point', () => {
  /** PAX records for the next entry. */
  const records = (...texts: readonly string[]): Buffer => {
    const body = texts.map((text) => `${Buffer.byteLength(text) + 4} ${text}\n`).join('');
    return Buffer.concat([header('pax', Buffer.byteLength(body), 'x'), padded(body)]);
  };
  const file = (): Buffer => Buffer.concat([...encodeEntry({ path: 'a', kind: 'file', size: 1 }), padded('1')]);

  it('is left out when it is no number', async () => {
    const [member] = await list(Buffer.concat([records('mtime=yes', 'uid=-1234', 'gid=1e999'), file(), TAR_END]));
    expect(member).toMatchObject({ path: 'a', size: 1, mtime: undefined, uid: undefined, gid: undefined });
  });

  it.each(['\r', '\u2028'])('is no part of a name in a record after its end, not even after %j', async (lineBreak) => {
    const [member] = await list(Buffer.concat([records(`path=b\0${lineBreak}c\0d`), file(), TAR_END]));
    expect(member?.path).toBe('b');
  });

  it.each(['\n', '\r', '\u2028'])('is no part of a name after its end, not even after %j', async (lineBreak) => {
    const [block] = encodeEntry({ path: 'name', kind: 'symlink', size: 0, linkPath: 'target' });
    const rests = Buffer.from(block!);
    rests.write(`${lineBreak}evil`, 5);
    rests.write(`${lineBreak}evil`, 157 + 7);
    const [member] = await list(Buffer.concat([rewritten(rests, 0, ''), TAR_END]));
    expect(member).toMatchObject({ path: 'name', linkPath: 'target' });
  });
});
