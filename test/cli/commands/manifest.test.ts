import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/manifest.ts';
import { runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';
import { fillRegistry, sampleIndex } from '../../helpers/sample-image.ts';

const sample = sampleIndex(['linux/amd64', 'linux/arm64']);
let registry: Registry;
let name: string;

beforeEach(async () => {
  registry = await startRegistry();
  name = `${registry.host}/team/app:1`;
  fillRegistry(registry.contents, ['team/app', '1'], sample);
});

afterEach(() => registry.stop());

describe('manifest', () => {
  test('prints the bytes of the registry unchanged', async () => {
    const { bytes } = await runCommand(command, [name]);
    expect(bytes.equals(sample.index.bytes)).toBe(true);
  });

  test('ends with a line feed on a terminal', async () => {
    const { bytes } = await runCommand(command, [name], { tty: true });
    expect(bytes.equals(Buffer.concat([sample.index.bytes, Buffer.from('\n')]))).toBe(true);
  });

  test('prints the manifest of one platform with --platform', async () => {
    const { bytes } = await runCommand(command, [name], { flags: { platform: 'linux/arm64' } });
    expect(bytes.toString()).toBe(sample.images[1]?.manifest.bytes.toString());
  });

  test('lists the platforms there are when the one named is not', async () => {
    const { status, stderr } = await runCommand(command, [name], { flags: { platform: 'linux/s390x' } });
    expect(status).toBe(3);
    expect(stderr).toContain('linux/amd64, linux/arm64');
  });

  test('comes with digest, type and size in --json', async () => {
    const { stdout } = await runCommand(command, [name], { json: true });
    expect(JSON.parse(stdout)).toEqual({
      ...sample.index.descriptor,
      manifest: JSON.parse(sample.index.bytes.toString()) as unknown,
    });
  });
});
