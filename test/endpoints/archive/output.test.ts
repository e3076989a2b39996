import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOutput } from '../../../src/endpoints/archive/output.ts';

const run = promisify(execFile);

describe('the file of a new archive', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-output-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('appears whole', async () => {
    const output = await openOutput({ path: join(dir, 'x.tar') });
    await output.write(Buffer.from('one '));
    await output.write(Buffer.from('two'));
    expect(output.position).toBe(7);
    expect(await readdir(dir)).not.toContain('x.tar');
    await output.commit();
    await output.discard();
    expect(await readFile(join(dir, 'x.tar'), 'utf8')).toBe('one two');
    expect(await readdir(dir)).toEqual(['x.tar']);
  });

  it('leaves nothing when it is given up, and the old file as it was', async () => {
    await writeFile(join(dir, 'x.tar'), 'old');
    const output = await openOutput({ path: join(dir, 'x.tar') });
    await output.write(Buffer.from('new'));
    await output.discard();
    await output.discard();
    expect(await readdir(dir)).toEqual(['x.tar']);
    expect(await readFile(join(dir, 'x.tar'), 'utf8')).toBe('old');
  });

  it('forgets what is taken back', async () => {
    const output = await openOutput({ path: join(dir, 'x.tar') });
    await output.write(Buffer.from('keep'));
    await output.write(Buffer.from('forget this'));
    expect(await output.rewind(4)).toBe(true);
    await output.write(Buffer.from('!'));
    await output.commit();
    expect(await readFile(join(dir, 'x.tar'), 'utf8')).toBe('keep!');
  });

  it('replaces the file behind a link, and keeps its permissions', async () => {
    await writeFile(join(dir, 'real.tar'), 'old');
    await chmod(join(dir, 'real.tar'), 0o600);
    await symlink('real.tar', join(dir, 'link.tar'));
    const output = await openOutput({ path: join(dir, 'link.tar') });
    await output.write(Buffer.from('new'));
    await output.commit();
    expect(await readFile(join(dir, 'real.tar'), 'utf8')).toBe('new');
    expect((await stat(join(dir, 'real.tar'))).mode & 0o777).toBe(0o600);
    expect((await readdir(dir)).sort()).toEqual(['link.tar', 'real.tar']);
  });

  it('takes what died processes left of it away', async () => {
    const [old, young, other] = ['.x.tar.a', '.x.tar.b', '.y.tar.a'].map(
      (prefix) => `${prefix}0000000-1-${'0'.repeat(16)}.tmp`,
    ) as [string, string, string];
    for (const name of [old, young, other]) await writeFile(join(dir, name), '');
    for (const name of [old, other]) await utimes(join(dir, name), 1000, 1000);
    const output = await openOutput({ path: join(dir, 'x.tar') });
    await output.commit();
    expect((await readdir(dir)).sort()).toEqual([young, other, 'x.tar']);
  });

  it('is written at once where it is a pipe or a device', async () => {
    await run('mkfifo', [join(dir, 'pipe')]);
    const reading = run('cat', [join(dir, 'pipe')]);
    const output = await openOutput({ path: join(dir, 'pipe') });
    await output.write(Buffer.from('through'));
    await output.commit();
    expect((await reading).stdout).toBe('through');
    const nothing = await openOutput({ path: '/dev/null' });
    await nothing.write(Buffer.from('x'));
    await nothing.commit();
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('cannot be a directory, or in one that is not there', async () => {
    await mkdir(join(dir, 'd'));
    await expect(openOutput({ path: join(dir, 'd') })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(openOutput({ path: join(dir, 'none', 'x.tar') })).rejects.toMatchObject({ code: 'STORAGE' });
  });
});

describe('the stream of a new archive', () => {
  it('gets the bytes as they come, and is left open', async () => {
    const stream = new PassThrough();
    const output = await openOutput({ stream });
    const chunk = Buffer.from('one');
    await output.write(chunk);
    chunk.fill(0);
    await output.write(Buffer.alloc(0));
    await output.commit();
    await output.discard();
    expect(stream.writableEnded).toBe(false);
    expect(output.position).toBe(3);
  });

  it('waits for a reader that is slow', async () => {
    const taken: string[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _, done) => {
        setImmediate(() => {
          taken.push(chunk.toString());
          done();
        });
      },
    });
    const output = await openOutput({ stream: slow });
    const buffer = Buffer.from('a');
    for (const letter of 'bcd') {
      await output.write(buffer);
      buffer.write(letter);
    }
    expect(taken).toEqual(['a', 'b', 'c']);
  });

  it('cannot take anything back', async () => {
    const output = await openOutput({ stream: new PassThrough() });
    await output.write(Buffer.from('gone'));
    expect(await output.rewind(4)).toBe(true);
    expect(await output.rewind(0)).toBe(false);
  });

  it('fails with its reader', async () => {
    const stream = new PassThrough();
    const output = await openOutput({ stream });
    stream.destroy(Object.assign(new TypeError('gone'), { code: 'EPIPE' }));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(output.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'FAILED' });
    await expect(output.commit()).rejects.toMatchObject({ code: 'FAILED' });
  });
});
