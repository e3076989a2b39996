// The main job against a registry that is not ours, through the built command line.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newUser, type User } from '../helpers/hubctl.ts';
import { startRealRegistry, type RealRegistry } from '../helpers/real-registry.ts';

const registry: RealRegistry | undefined = await startRealRegistry({});

describe.skipIf(!registry)('the main job on docker-registry', () => {
  const host = registry?.host ?? '';
  let user: User;

  beforeAll(async () => {
    user = await newUser();
    await mkdir(join(user.home, 'rootfs', 'etc'), { recursive: true });
    await writeFile(join(user.home, 'rootfs', 'etc', 'motd'), 'hello\n');
    await writeFile(join(user.home, 'rootfs', 'big'), randomBytes(600_000));
    await user.ok(['import', 'rootfs', `${host}/team/base:1`]);
  });

  afterAll(async () => {
    await user?.[Symbol.asyncDispose]();
    await registry?.stop();
  });

  it('pushes an imported root file system and pulls it back into an empty store with the same digest', async () => {
    const pushed = await user.ok(['push', '-q', `${host}/team/base:1`]);
    await using other = await newUser();
    const [pulled] = JSON.parse(await other.ok(['pull', '--json', `${host}/team/base:1`])) as { digest: string }[];
    expect(pushed).toBe(`${host}/team/base@${pulled?.digest}`);
  });

  it('keeps the image ID on the way', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    await using other = await newUser();
    await other.ok(['pull', '-q', `${host}/team/base:1`]);
    const format = ['--format', '{{.Id}}'];
    expect(await other.ok(['inspect', ...format, `${host}/team/base:1`])).toBe(
      await user.ok(['inspect', ...format, `${host}/team/base:1`]),
    );
  });

  it('mounts the layers of a second repository instead of uploading them', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    await user.ok(['tag', `${host}/team/base:1`, `${host}/team/second:1`]);
    const { status, stderr } = await user.hubctl(['push', `${host}/team/second:1`]);
    expect(status).toBe(0);
    expect(stderr).toContain('Mounted from team/base');
    expect(stderr).not.toContain('Pushed');
  });

  it('says that everything exists when the same tag is pushed again', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    const { stdout, stderr } = await user.hubctl(['push', `${host}/team/base:1`]);
    expect(stderr).toContain('Layer already exists');
    expect(stderr).not.toMatch(/: Pushed|Mounted/);
    expect(stdout).toMatch(/^1: digest: sha256:[a-f0-9]{64} size: \d+$/m);
  });

  it('lists tags and repositories, and tells the digest alone', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    expect((await user.ok(['catalog', host])).split('\n')).toContain('team/base');
    expect(await user.ok(['tags', `${host}/team/base`])).toBe('1');
    expect(await user.ok(['digest', `${host}/team/base:1`])).toMatch(/^sha256:[a-f0-9]{64}$/);
  });

  it('gives the manifest byte for byte', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    const manifest = await user.ok(['manifest', `${host}/team/base:1`]);
    const stored = await fetch(`http://${host}/v2/team/base/manifests/1`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    expect(manifest).toBe(await stored.text());
  });

  it('keeps the digest through save, load and push', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    await user.ok(['save', '-o', 'base.tar', `${host}/team/base:1`]);
    await using other = await newUser();
    await other.ok(['load', '-i', join(user.home, 'base.tar')]);
    await other.ok(['tag', `${host}/team/base:1`, `${host}/team/loaded:1`]);
    await other.ok(['push', '-q', `${host}/team/loaded:1`]);
    expect(await other.ok(['digest', `${host}/team/loaded:1`])).toBe(await other.ok(['digest', `${host}/team/base:1`]));
  });

  it('copies between registry, layout and archive without changing the digest', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    const digest = await user.ok(['digest', `${host}/team/base:1`]);
    expect(await user.ok(['copy', `${host}/team/base:1`, 'oci:layout:1'])).toBe(digest);
    expect(await user.ok(['copy', 'oci:layout:1', 'docker-archive:copy.tar:app:1'])).toBe(digest);
    expect(await user.ok(['copy', 'docker-archive:copy.tar', `docker://${host}/team/copied:1`])).toBe(digest);
  });

  it('downloads a layer only once when two processes pull the same image', async () => {
    await user.ok(['push', '-q', `${host}/team/base:1`]);
    await using other = await newUser();
    const pulls = await Promise.all([1, 2].map(() => other.ok(['pull', '--json', `${host}/team/base:1`])));
    const downloads = pulls.map(
      (text) => (JSON.parse(text) as { downloaded: { layers: number } }[])[0]?.downloaded.layers,
    );
    expect(downloads.reduce((sum = 0, count = 0) => sum + count, 0)).toBe(1);
  });

  it('ends with 3 and a next step when a tag does not exist', async () => {
    const { status, stdout, stderr } = await user.hubctl(['pull', `${host}/team/base:nope`]);
    expect(status).toBe(3);
    expect(stderr).toContain(`${host}/team/base:nope`);
    expect(stderr).toContain('hint: ');
    expect(stdout).not.toContain('Digest');
  });

  it('stores nothing when the registry gives wrong bytes', async () => {
    const { status, stderr } = await user.hubctl(['pull', `${host}/team/base@sha256:${'0'.repeat(64)}`]);
    expect(status).toBe(3);
    expect(stderr).toContain('not found');
    await rm(join(user.home, 'copy.tar'), { force: true });
  });

  it('says what is wrong when nothing listens', async () => {
    const { status, stderr } = await user.hubctl(['pull', '127.0.0.1:9/app']);
    expect(status).toBe(6);
    expect(stderr).toContain('127.0.0.1:9');
  });

  it('reads its manifest back from the layout that skopeo would read', async () => {
    await user.ok(['copy', `${host}/team/base:1`, 'oci:read:1']);
    const index = JSON.parse(await readFile(join(user.home, 'read', 'index.json'), 'utf8')) as { manifests: unknown[] };
    expect(index.manifests).toHaveLength(1);
  });
});
