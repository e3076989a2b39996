import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/digest.ts';
import { FakeStore, runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';
import { fillMemory, fillRegistry, sampleImage, sampleIndex } from '../../helpers/sample-image.ts';

const sample = sampleIndex(['linux/amd64', 'linux/arm64']);
let registry: Registry;
let name: string;

beforeEach(async () => {
  registry = await startRegistry();
  name = `${registry.host}/team/app`;
  fillRegistry(registry.contents, ['team/app', '1'], sample);
});

afterEach(() => registry.stop());

describe('digest', () => {
  test('is asked for with one HEAD request and printed alone', async () => {
    const { stdout } = await runCommand(command, [`${name}:1`]);
    expect(stdout).toBe(`${sample.index.descriptor.digest}\n`);
    expect(registry.log.map((entry) => `${entry.method} ${entry.path}`)).toEqual(['HEAD /v2/team/app/manifests/1']);
  });

  test('is that of one platform with --platform', async () => {
    const { stdout } = await runCommand(command, [`${name}:1`], { flags: { platform: 'linux/arm64' } });
    expect(stdout).toBe(`${sample.images[1]?.manifest.descriptor.digest}\n`);
  });

  test('is not that of a single image for another platform', async () => {
    fillRegistry(registry.contents, ['team/app', 'single'], sampleImage());
    const { status, stderr } = await runCommand(command, [`${name}:single`], { flags: { platform: 'linux/arm64' } });
    expect(status).toBe(3);
    expect(stderr).toContain(`${name}:single is for linux/amd64, not linux/arm64`);
  });

  test('comes with type and size in --json', async () => {
    const { stdout } = await runCommand(command, [`${name}:1`], { json: true });
    expect(JSON.parse(stdout)).toEqual({ reference: `${name}:1`, ...sample.index.descriptor });
  });

  test('is that of the local image with --local, without a request', async () => {
    const store = new FakeStore();
    store.keep(`${name}:1`, fillMemory(store, 'x', sampleImage()));
    const { stdout } = await runCommand(command, [`${name}:1`], { store, flags: { local: true } });
    expect(stdout).toBe(`${sampleImage().manifest.descriptor.digest}\n`);
    expect(registry.log).toEqual([]);
  });

  test('ends with 3 for a tag that is not there', async () => {
    expect((await runCommand(command, [`${name}:nope`])).status).toBe(3);
  });
});
