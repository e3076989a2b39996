import { execFile } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listTar, type TarMember } from '../../src/layers/tar.ts';
import { tarTree, type TarTreeOptions } from '../../src/layers/tar-tree.ts';
import { collect } from '../../src/util/content.ts';

const run = promisify(execFile);
const LIMIT = 64 * 1024 * 1024;

describe('a directory as a tar', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-tree-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const tar = (options?: TarTreeOptions): Promise<Buffer> => collect(tarTree(dir, options), LIMIT);
  const list = async (options?: TarTreeOptions): Promise<readonly TarMember[]> => {
    const bytes = await tar(options);
    return listTar(async (position, length) => bytes.subarray(position, position + length), bytes.length, 'x');
  };
  const file = async (path: string, text = ''): Promise<void> => {
    await mkdir(join(dir, path, '..'), { recursive: true });
    await writeFile(join(dir, path), text);
  };

  it('has its files in byte order, directories before their content', async () => {
    for (const path of ['b', 'a/z', 'a/b', 'a-b', 'a.c', 'B', 'é', 'a/b-d/x']) await file(path);
    const paths = (await list()).map(({ path }) => path);
    expect(paths).toEqual(['B', 'a-b', 'a.c', 'a/', 'a/b', 'a/b-d/', 'a/b-d/x', 'a/z', 'b', 'é']);
    expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  it('is the same bytes for the same files', async () => {
    for (const path of ['c', 'a/b']) await file(path, path);
    const first = await tar({ latest: 1000 });
    await rm(join(dir, 'c'));
    await file('c', 'c');
    expect((await tar({ latest: 1000 })).equals(first)).toBe(true);
  });

  it('keeps modes and times, but none later than asked for', async () => {
    await file('old');
    await file('new');
    await chmod(join(dir, 'old'), 0o4711);
    await utimes(join(dir, 'old'), 500, 500.9);
    await utimes(join(dir, 'new'), 5000, 5000);
    expect(await list({ latest: 1000 })).toMatchObject([
      { path: 'new', mtime: 1000 },
      { path: 'old', mtime: 500, mode: 0o4711 },
    ]);
    expect(await list()).toMatchObject([{ mtime: 5000 }, { mtime: 500 }]);
  });

  it('keeps links as links', async () => {
    await file('a', 'content');
    await link(join(dir, 'a'), join(dir, 'b'));
    await symlink('/etc/passwd', join(dir, 'c'));
    await symlink('d', join(dir, 'd'));
    expect(await list()).toMatchObject([
      { path: 'a', kind: 'file', size: 7 },
      { path: 'b', kind: 'hardlink', linkPath: 'a', size: 0 },
      { path: 'c', kind: 'symlink', linkPath: '/etc/passwd' },
      { path: 'd', kind: 'symlink', linkPath: 'd' },
    ]);
  });

  it('holds pipes and leaves sockets out with a warning', async () => {
    await run('mkfifo', [join(dir, 'pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
    const warnings: string[] = [];
    const members = await list({ onWarning: (text) => warnings.push(text) });
    await new Promise((resolve) => server.close(resolve));
    expect(members).toMatchObject([{ path: 'pipe', kind: 'fifo' }]);
    expect(warnings).toEqual(['socket is a socket and is left out']);
  });

  it('holds devices where they may be made', async ({ skip }) => {
    await run('mknod', [join(dir, 'disk'), 'b', '259', '70000']).catch(() => skip());
    await run('mknod', [join(dir, 'null'), 'c', '1', '3']);
    expect(await list()).toMatchObject([
      { path: 'disk', kind: 'block', deviceMajor: 259, deviceMinor: 70_000 },
      { path: 'null', kind: 'character', deviceMajor: 1, deviceMinor: 3 },
    ]);
  });

  it('is what GNU tar understands, long names and all', async () => {
    const long = `${'d'.repeat(120)}/${'e'.repeat(120)}/é`;
    await file(long, 'deep');
    const target = await mkdtemp(join(tmpdir(), 'hubctl-untar-'));
    await writeFile(join(target, 'x.tar'), await tar());
    await run('tar', ['-C', target, '-xf', join(target, 'x.tar')]);
    const { stdout } = await run('cat', [join(target, long)]);
    expect(stdout).toBe('deep');
    await rm(target, { recursive: true });
  });

  it('is streamed, and stops when it is told to', async () => {
    await file('large', 'x'.repeat(3_000_000));
    let largest = 0;
    await tarTree(dir).forEach((chunk) => {
      largest = Math.max(largest, chunk.length);
    });
    expect(largest).toBeLessThan(1_000_000);
    const reason = new TypeError('stop');
    await expect(tar({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const content = tarTree(dir);
    content.cancel();
    await expect(content.forEach(() => undefined)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('refuses names that are no text, and directories that are not there', async () => {
    await writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xfe])]), '');
    await expect(tar()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(collect(tarTree(join(dir, 'none')), LIMIT)).rejects.toMatchObject({ code: 'STORAGE' });
  });

  it('notices a file that changes while it is read', async () => {
    await file('a', 'x'.repeat(1000));
    await file('b', 'y'.repeat(1000));
    const reading = tarTree(dir).forEach(async () => {
      await writeFile(join(dir, 'b'), 'shorter');
    });
    await expect(reading).rejects.toMatchObject({ code: 'CONTENT_INVALID', message: '"b" changed while it was read' });
  });
});
