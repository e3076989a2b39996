import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/config.ts';
import { runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';
import { fillRegistry, sampleIndex } from '../../helpers/sample-image.ts';

const sample = sampleIndex(['linux/amd64', 'linux/arm64']);
const [amd64, arm64] = sample.images;
let registry: Registry;
let name: string;

beforeEach(async () => {
  registry = await startRegistry();
  name = `${registry.host}/team/app:1`;
  fillRegistry(registry.contents, ['team/app', '1'], sample);
});

afterEach(() => registry.stop());

describe('config', () => {
  test('prints that of the platform of this machine, and reads no layer', async () => {
    const { bytes } = await runCommand(command, [name]);
    expect(bytes.toString()).toBe(amd64?.config.bytes.toString());
    expect(registry.requests({ path: '/blobs/' })).toHaveLength(1);
  });

  test.each([
    [{ flags: { platform: 'linux/arm64' } }],
    [{ env: { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' } }],
    [{ env: { DOCKER_DEFAULT_PLATFORM: 'linux/s390x' }, flags: { platform: 'linux/arm64' } }],
  ])('prints that of another platform for %j', async (options) => {
    expect((await runCommand(command, [name], options)).bytes.toString()).toBe(arm64?.config.bytes.toString());
  });

  test('fills a template', async () => {
    const { stdout } = await runCommand(command, [name], { format: '{{json .config.config.Env}} {{.digest}}' });
    expect(stdout).toBe(`["PATH=/bin"] ${amd64?.config.descriptor.digest}\n`);
  });

  test('refuses several platforms', async () => {
    const { status, stderr } = await runCommand(command, [name], { flags: { platform: 'linux/arm64,linux/amd64' } });
    expect(status).toBe(2);
    expect(stderr).toContain('names several platforms');
  });

  test('says why when there is none', async () => {
    const type = 'application/vnd.oci.image.index.v1+json';
    const nested = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [] }));
    registry.contents.putManifest('team/app', { mediaType: type, bytes: nested }, 'empty');
    const { status, stderr } = await runCommand(command, [name.replace(':1', ':empty')]);
    expect(status).toBe(3);
    expect(stderr).toContain('the index is empty');
  });
});
