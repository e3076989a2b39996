// What do programs that we did not write say of what hubctl wrote, and hubctl of what they wrote?
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/spec/digest.ts';
import { newUser, type User } from '../helpers/hubctl.ts';
import { findPeer, runPeer, startDockerd, type Dockerd } from '../helpers/peers.ts';
import { startRealRegistry, TESTER } from '../helpers/real-registry.ts';
import { startTokenServer } from '../helpers/token-server.ts';

const registry = await startRealRegistry({});
const [crane, skopeo, oras] = await Promise.all([findPeer('crane'), findPeer('skopeo'), findPeer('oras')]);

/** A root file system with layers of its own for each number. */
async function importImage(user: User, reference: string, content: string): Promise<void> {
  const folder = join(user.home, content);
  await mkdir(join(folder, 'etc'), { recursive: true });
  await writeFile(join(folder, 'etc', 'motd'), `${content}\n`);
  await user.ok(['import', content, reference, '--change', 'CMD ["/bin/sh"]']);
}

describe.skipIf(!registry)('judges of what hubctl pushed', () => {
  const host = registry?.host ?? '';
  let user: User;
  let digest = '';

  beforeAll(async () => {
    user = await newUser();
    await importImage(user, `${host}/judged/app:1`, 'judged');
    const pushed = await user.ok(['push', '-q', `${host}/judged/app:1`]);
    digest = pushed.slice(pushed.indexOf('@') + 1);
  });

  afterAll(async () => {
    await user?.[Symbol.asyncDispose]();
    await registry?.stop();
  });

  it.skipIf(!crane)('crane finds the image valid', async () => {
    const verdict = await runPeer(crane ?? '', ['validate', '--remote', `${host}/judged/app:1`], user.home);
    expect(verdict).toContain('PASS');
  });

  it.skipIf(!crane)('crane finds a saved archive valid', async () => {
    await user.ok(['save', '-o', 'saved.tar', `${host}/judged/app:1`]);
    const verdict = await runPeer(crane ?? '', ['validate', '--tarball', join(user.home, 'saved.tar')], user.home);
    expect(verdict).toContain('PASS');
  });

  it.skipIf(!skopeo)('skopeo copies it with every digest checked', async () => {
    const target = join(user.home, 'skopeo');
    const source = `docker://${host}/judged/app:1`;
    await runPeer(skopeo ?? '', ['copy', '-q', '--src-tls-verify=false', source, `dir:${target}`], user.home);
    expect(digestOf(await readFile(join(target, 'manifest.json')))).toBe(digest);
  });

  it.skipIf(!skopeo)('skopeo reads the local store in place', async () => {
    const store = join(user.home, '.local', 'share', 'hubctl');
    const image = `oci:${store}:${host}/judged/app:1`;
    const facts = JSON.parse(await runPeer(skopeo ?? '', ['inspect', image], user.home)) as { Digest: string };
    expect(facts.Digest).toBe(digest);
  });

  it.skipIf(!oras)('oras copies it from a layout that hubctl wrote', async () => {
    await user.ok(['copy', `${host}/judged/app:1`, 'oci:layout:1']);
    const to = `${host}/judged/oras:1`;
    const layout = `${join(user.home, 'layout')}:1`;
    await runPeer(oras ?? '', ['copy', '--from-oci-layout', '--to-plain-http', layout, to], user.home);
    expect(await user.ok(['digest', to])).toBe(digest);
  });

  it.skipIf(!skopeo)('hubctl keeps the digest of what skopeo wrote', async () => {
    const target = join(user.home, 'from-skopeo');
    const source = `docker://${host}/judged/app:1`;
    await runPeer(skopeo ?? '', ['copy', '-q', '--src-tls-verify=false', source, `oci:${target}:x`], user.home);
    expect(await user.ok(['copy', 'oci:from-skopeo:x', `${host}/judged/skopeo:1`])).toBe(digest);
  });
});

const dockerd: Dockerd | undefined = await startDockerd();

describe.skipIf(!dockerd)('docker', () => {
  let user: User;
  let host = '';
  let stop: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const own = await startRealRegistry({});
    host = own?.host ?? '';
    stop = () => own?.stop() ?? Promise.resolve();
    user = await newUser();
  });

  afterAll(async () => {
    await user?.[Symbol.asyncDispose]();
    await stop?.();
    await dockerd?.stop();
  });

  it('loads what hubctl saved, with the same image ID', async () => {
    await importImage(user, 'saved/app:1', 'saved');
    await user.ok(['save', '-o', 'saved.tar', 'saved/app:1']);
    await dockerd?.docker('load', '-q', '-i', join(user.home, 'saved.tar'));
    const id = (await dockerd?.docker('images', '-q', '--no-trunc', 'saved/app:1'))?.trim();
    expect(await user.ok(['inspect', '--format', '{{.Id}}', 'saved/app:1'])).toBe(id);
  });

  it('pulls what hubctl pushed, with the same digest', async () => {
    await importImage(user, `${host}/pulled/app:1`, 'pulled');
    const pushed = await user.ok(['push', '-q', `${host}/pulled/app:1`]);
    await dockerd?.docker('pull', '-q', `${host}/pulled/app:1`);
    const listed = await dockerd?.docker(
      'images',
      '--digests',
      '--format',
      '{{.Repository}}@{{.Digest}}',
      `${host}/pulled/app`,
    );
    expect(listed?.trim()).toBe(pushed);
  });

  it('gets the same image ID back when its own image went by save, load, push and pull', async () => {
    const source = join(user.home, 'context');
    await mkdir(source);
    const lines = ['FROM scratch'];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await writeFile(join(source, name), `${name}\n`.repeat(10));
      lines.push(`COPY ${name} /${name}/file`);
    }
    await writeFile(join(source, 'Dockerfile'), [...lines, 'LABEL built=yes', 'CMD ["/a/file"]', ''].join('\n'));
    await dockerd?.docker('build', '-q', '-t', 'built:1', source);
    await dockerd?.docker('save', '-o', join(user.home, 'built.tar'), 'built:1');
    const id = (await dockerd?.docker('images', '-q', '--no-trunc', 'built:1'))?.trim();
    await user.ok(['load', '-i', 'built.tar']);
    await user.ok(['tag', 'built:1', `${host}/built/app:1`]);
    await user.ok(['push', '-q', `${host}/built/app:1`]);
    await dockerd?.docker('rmi', '-f', 'built:1');
    await dockerd?.docker('pull', '-q', `${host}/built/app:1`);
    expect((await dockerd?.docker('images', '-q', '--no-trunc', `${host}/built/app:1`))?.trim()).toBe(id);
  });
});

describe('logging in to a real registry', () => {
  it('works with Basic authentication, and serves other programs', async (test) => {
    const own = await startRealRegistry({ htpasswd: TESTER.htpasswd });
    if (!own) return test.skip();
    await using user = await newUser();
    try {
      const login = ['login', '--credential-store', 'file', '-u', TESTER.username, '--password-stdin', own.host];
      await user.ok(login, { input: `${TESTER.password}\n` });
      await importImage(user, `${own.host}/private/app:1`, 'private');
      const pushed = await user.ok(['push', '-q', `${own.host}/private/app:1`]);
      if (crane) {
        const digest = await runPeer(crane, ['digest', `${own.host}/private/app:1`], user.home);
        expect(pushed.endsWith(digest.trim())).toBe(true);
      }
      await user.ok(['logout', own.host]);
      expect((await user.hubctl(['digest', `${own.host}/private/app:1`])).status).toBe(4);
    } finally {
      await own.stop();
    }
  });

  it('works with Bearer tokens of a token service', async (test) => {
    const tokens = await startTokenServer({ accounts: { [TESTER.username]: TESTER.password } });
    const own = await startRealRegistry({ token: tokens });
    try {
      if (!own) return test.skip();
      tokens.standBefore(own.host);
      await using user = await newUser();
      const login = ['login', '--credential-store', 'file', '-u', TESTER.username, '--password-stdin', tokens.host];
      await user.ok(login, { input: TESTER.password });
      await importImage(user, `${tokens.host}/private/app:1`, 'private');
      await user.ok(['push', '-q', `${tokens.host}/private/app:1`]);
      await user.ok(['tag', `${tokens.host}/private/app:1`, `${tokens.host}/other/app:1`]);
      const { stderr } = await user.hubctl(['push', `${tokens.host}/other/app:1`]);
      expect(stderr).toContain('Mounted from private/app');
      await user.ok(['logout', tokens.host]);
      expect((await user.hubctl(['pull', `${tokens.host}/private/app:1`])).status).toBe(4);
    } finally {
      await own?.stop();
      await tokens.stop();
    }
  });
});
