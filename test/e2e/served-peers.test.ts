// Do the clients that everybody has get on with our registry?
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve, type RegistryServer } from '../../src/server/serve.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { findPeer, runPeer, startDockerd, type Dockerd } from '../helpers/peers.ts';
import { makeImage, piece, type Piece, type TestImage } from '../helpers/registry-images.ts';
import { ask, expectStatus } from '../helpers/served.ts';

const [crane, skopeo, oras] = await Promise.all([findPeer('crane'), findPeer('skopeo'), findPeer('oras')]);
const INDEX = 'application/vnd.oci.image.index.v1+json';

let registry: RegistryServer;
let home = '';
let index: Piece;

const amd64 = makeImage({ seed: 'peers', architecture: 'amd64' });
const arm64 = makeImage({ seed: 'peers arm', architecture: 'arm64' });

async function putManifest(reference: string, { mediaType, bytes }: Piece): Promise<void> {
  const headers = { 'content-type': mediaType };
  expectStatus(
    await ask(registry.url, `/v2/team/app/manifests/${reference}`, { method: 'PUT', headers, body: bytes }),
    201,
  );
}

async function publish(image: TestImage, tag: string): Promise<void> {
  for (const { digest, bytes } of [image.config, ...image.layers]) {
    const path = `/v2/team/app/blobs/uploads/?digest=${digest}`;
    expectStatus(await ask(registry.url, path, { method: 'POST', body: bytes }), 201);
  }
  await putManifest(tag, image.manifest);
}

/** Digest of what a name means now; undefined when there is nothing. */
async function digestAt(name: string): Promise<string | undefined> {
  const [repository = '', tag = ''] = name.split(':');
  const answer = await ask(registry.url, `/v2/${repository}/manifests/${tag}`);
  return answer.status === 200 ? digestOf(answer.body) : undefined;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'hubctl-peers-'));
  registry = await serve();
  await publish(amd64, 'amd64');
  await publish(arm64, 'arm64');
  const entries = [amd64, arm64].map(({ manifest: { mediaType, digest, size } }, at) => ({
    mediaType,
    digest,
    size,
    platform: { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' },
  }));
  index = piece(INDEX, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: entries })));
  await putManifest('multi', index);
});

afterAll(async () => {
  await registry?.close();
  await rm(home, { recursive: true, force: true });
});

describe.skipIf(!crane)('crane', () => {
  const run = (...args: readonly string[]): Promise<string> => runPeer(crane ?? '', args, home);

  test('copies an index with all it lists', async () => {
    await run('copy', `${registry.host}/team/app:multi`, `${registry.host}/crane/copy:1`);
    expect(await digestAt('crane/copy:1')).toBe(index.digest);
  });

  test('finds images valid', async () => {
    expect(await run('validate', '--remote', `${registry.host}/team/app:amd64`)).toContain('PASS');
    expect(await run('validate', '--remote', `${registry.host}/team/app:multi`)).toContain('PASS');
  });

  test('lists tags and repositories', async () => {
    expect((await run('ls', `${registry.host}/team/app`)).trim().split('\n')).toEqual(['amd64', 'arm64', 'multi']);
    expect((await run('catalog', registry.host)).trim().split('\n')).toContain('team/app');
  });

  test('pulls what it pushed', async () => {
    const file = join(home, 'crane.tar');
    await run('pull', `${registry.host}/team/app:amd64`, file);
    await run('push', file, `${registry.host}/crane/pushed:1`);
    expect(await run('validate', '--remote', `${registry.host}/crane/pushed:1`)).toContain('PASS');
  });

  test('deletes a manifest by digest', async () => {
    await run('copy', `${registry.host}/team/app:amd64`, `${registry.host}/crane/delete:1`);
    await run('delete', `${registry.host}/crane/delete@${amd64.manifest.digest}`);
    expect(await digestAt('crane/delete:1')).toBeUndefined();
  });
});

describe.skipIf(!skopeo)('skopeo', () => {
  const run = (...args: readonly string[]): Promise<string> => runPeer(skopeo ?? '', args, home);

  test('copies all platforms of an index', async () => {
    const [from, to] = [`docker://${registry.host}/team/app:multi`, `docker://${registry.host}/skopeo/copy:1`];
    await run('copy', '-q', '--all', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
    expect(await digestAt('skopeo/copy:1')).toBe(index.digest);
  });

  test('syncs a repository with all its tags', async () => {
    const target = join(home, 'sync');
    await run(
      'sync',
      '--all',
      '--src-tls-verify=false',
      '--src',
      'docker',
      '--dest',
      'dir',
      `${registry.host}/team/app`,
      target,
    );
    expect((await readdir(join(target))).toSorted()).toEqual(['app:amd64', 'app:arm64', 'app:multi']);
  });

  test('deletes what it copied', async () => {
    const to = `docker://${registry.host}/skopeo/delete:1`;
    const from = `docker://${registry.host}/team/app:amd64`;
    await run('copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
    await run('delete', '--tls-verify=false', to);
    expect(await digestAt('skopeo/delete:1')).toBeUndefined();
  });
});

describe.skipIf(!oras)('oras', () => {
  const run = (...args: readonly string[]): Promise<string> => runPeer(oras ?? '', args, home);
  const artifact = (): string => `${registry.host}/oras/artifact:1`;

  beforeAll(async () => {
    await writeFile(join(home, 'artifact.txt'), 'an artifact\n');
    await writeFile(join(home, 'signature.txt'), 'a signature\n');
    const flags = ['--plain-http', '--disable-path-validation', '--artifact-type', 'application/vnd.example.artifact'];
    await run('push', ...flags, artifact(), `${join(home, 'artifact.txt')}:text/plain`);
    const signature = ['--plain-http', '--disable-path-validation', '--artifact-type', 'application/vnd.example.sig'];
    await run('attach', ...signature, artifact(), `${join(home, 'signature.txt')}:text/plain`);
  });

  test('discovers what it attached, by the referrers API', async () => {
    const found = JSON.parse(await run('discover', '--plain-http', '--format', 'json', artifact())) as {
      referrers?: { artifactType: string }[];
      manifests?: { artifactType: string }[];
    };
    const listed = found.referrers ?? found.manifests ?? [];
    expect(listed.map(({ artifactType }) => artifactType)).toEqual(['application/vnd.example.sig']);
    const tags = await ask(registry.url, '/v2/oras/artifact/tags/list');
    expect(JSON.parse(tags.body.toString())).toEqual({ name: 'oras/artifact', tags: ['1'] });
  });

  test('copies an artifact with what refers to it', async () => {
    const to = `${registry.host}/oras/copied:1`;
    await run('cp', '-r', '--from-plain-http', '--to-plain-http', artifact(), to);
    const digest = await digestAt('oras/artifact:1');
    expect(await digestAt('oras/copied:1')).toBe(digest);
    const referrers = await ask(registry.url, `/v2/oras/copied/referrers/${digest}`);
    expect((JSON.parse(referrers.body.toString()) as { manifests: object[] }).manifests).toHaveLength(1);
  });

  test('backs a repository up', async () => {
    const target = join(home, 'backup');
    await run('backup', '--plain-http', '--include-referrers', '--output', target, artifact());
    expect(await readdir(target)).toContain('index.json');
  });
});

const dockerd: Dockerd | undefined = await startDockerd();
afterAll(() => dockerd?.stop());

describe.skipIf(!dockerd)('docker', () => {
  const run = async (...args: readonly string[]): Promise<string> => (await dockerd?.docker(...args)) ?? '';

  test('pulls, tags, pushes and pulls again', async () => {
    const [name, other] = [`${registry.host}/team/app:amd64`, `${registry.host}/docker/app:1`];
    expect(await run('pull', name)).toContain(amd64.manifest.digest);
    await run('tag', name, other);
    expect(await run('push', other)).toMatch(/1: digest: sha256:[a-f0-9]{64}/);
    await run('rmi', other);
    expect(await run('pull', other)).toContain('Downloaded newer image');
  });

  test('finds repositories by a word', async () => {
    const found = await run('search', '--format', '{{.Name}}', `${registry.host}/app`);
    expect(found.split('\n')).toContain('team/app');
  });
});
