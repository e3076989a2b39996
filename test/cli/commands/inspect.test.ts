import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/inspect.ts';
import type { ImageFacts } from '../../../src/image/inspect.ts';
import { FakeStore, runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';
import { fillMemory, fillRegistry, sampleImage, sampleIndex } from '../../helpers/sample-image.ts';

const sample = sampleIndex(['linux/amd64', 'linux/arm64']);
const local = sampleImage({ layers: ['local'] });
let registry: Registry;
let name: string;
let store: FakeStore;

beforeEach(async () => {
  registry = await startRegistry();
  name = `${registry.host}/team/app`;
  fillRegistry(registry.contents, ['team/app', '1'], sample);
  store = new FakeStore();
});

afterEach(() => registry.stop());

function parse(stdout: string): readonly ImageFacts[] {
  return JSON.parse(stdout) as readonly ImageFacts[];
}

describe('inspect', () => {
  test('describes a remote image in an array, without its layers', async () => {
    const { stdout, status } = await runCommand(command, [`${name}:1`], { store });
    expect(status).toBe(0);
    expect(parse(stdout)).toMatchObject([
      {
        Id: sample.images[0]?.config.descriptor.digest,
        RepoTags: [`${name}:1`],
        RepoDigests: [`${name}@${sample.index.descriptor.digest}`],
        Platforms: [{ Platform: 'linux/amd64' }, { Platform: 'linux/arm64' }],
      },
    ]);
    expect(registry.requests({ path: '/blobs/' })).toHaveLength(1);
  });

  test('describes a local image under all its names, without a request', async () => {
    const root = fillMemory(store, 'x', local);
    store.keep(`${name}:1`, root);
    store.keep(`${name}:2`, root);
    store.keep('docker.io/library/alias:latest', root);
    store.keep(undefined, root);
    store.keep('docker.io/library/other:latest', fillMemory(store, 'y', sampleImage({ layers: ['other'] })));
    const { stdout } = await runCommand(command, [`${name}:1`], { store });
    expect(parse(stdout)).toMatchObject([
      {
        Id: local.config.descriptor.digest,
        RepoTags: [`${name}:1`, `${name}:2`, 'alias:latest'],
        RepoDigests: [`${name}@${root.digest}`, `alias@${root.digest}`],
      },
    ]);
    expect(registry.log).toEqual([]);
  });

  test('asks the registry with --remote, whatever is here', async () => {
    store.keep(`${name}:1`, fillMemory(store, 'x', local));
    const { stdout } = await runCommand(command, [`${name}:1`], { store, flags: { remote: true } });
    expect(parse(stdout)[0]?.Id).toBe(sample.images[0]?.config.descriptor.digest);
  });

  test('asks the registry for a platform that is not here', async () => {
    store.keep(`${name}:1`, fillMemory(store, 'x', local));
    const { stdout } = await runCommand(command, [`${name}:1`], { store, flags: { platform: 'linux/arm64' } });
    expect(parse(stdout)[0]?.Architecture).toBe('arm64');
  });

  test('prints an empty array and ends with 3 for an image that is nowhere', async () => {
    const { stdout, status, stderr } = await runCommand(command, [`${name}:nope`], { store });
    expect(stdout).toBe('[]\n');
    expect(status).toBe(3);
    expect(stderr).toContain(`${name}:nope`);
  });

  test('does not take an image ID to a registry', async () => {
    const id = `sha256:${'0'.repeat(64)}`;
    const { stdout, status, stderr } = await runCommand(command, [id], { store });
    expect(stdout).toBe('[]\n');
    expect(status).toBe(3);
    expect(stderr).toContain(`no such image: ${id}`);
  });

  test('describes what it finds of several, and fails for the others', async () => {
    const { stdout, status, stderr } = await runCommand(command, [`${name}:1`, `${name}:nope`], { store });
    expect(parse(stdout)).toHaveLength(1);
    expect(status).toBe(1);
    expect(stderr).toContain('nope');
  });

  test('fills a template for each image', async () => {
    fillRegistry(registry.contents, ['team/app', '2'], local);
    const { stdout } = await runCommand(command, [`${name}:1`, `${name}:2`], {
      store,
      format: '{{.Architecture}} {{json .Config.Env}} {{.Config.User}}',
    });
    expect(stdout).toBe('amd64 ["PATH=/bin"] \namd64 ["PATH=/bin"] \n');
  });

  test('prints the manifest as it is with --raw', async () => {
    const { bytes } = await runCommand(command, [`${name}:1`], { store, flags: { raw: true } });
    expect(bytes.equals(sample.index.bytes)).toBe(true);
  });

  test('refuses --raw for several images', async () => {
    const { status } = await runCommand(command, ['a', 'b'], { store, flags: { raw: true } });
    expect(status).toBe(2);
  });
});
