import { afterEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/catalog.ts';
import { runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';

let registry: Registry | undefined;

afterEach(() => registry?.stop());

async function filled(options: Parameters<typeof startRegistry>[0] = {}): Promise<Registry> {
  registry = await startRegistry(options);
  for (const name of ['team/app', 'team/base', 'tools']) registry.contents.putBlob(name, Buffer.from('x'));
  return registry;
}

describe('catalog', () => {
  test('prints one repository per line from all pages', async () => {
    const { host } = await filled({ pageSize: 2 });
    const { stdout } = await runCommand(command, [host]);
    expect(stdout).toBe('team/app\nteam/base\ntools\n');
  });

  test('keeps the repositories that match a pattern, up to a limit', async () => {
    const { host } = await filled();
    expect((await runCommand(command, [host], { flags: { match: 'team/*' } })).stdout).toBe('team/app\nteam/base\n');
    expect((await runCommand(command, [host], { flags: { match: 't*', limit: 1 } })).stdout).toBe('tools\n');
  });

  test('prints registry and repositories with --json', async () => {
    const { host } = await filled();
    const { stdout } = await runCommand(command, [`${host}/`], { json: true });
    expect(JSON.parse(stdout)).toEqual({ registry: host, repositories: ['team/app', 'team/base', 'tools'] });
  });

  test('says so when the registry offers none', async () => {
    const { host } = await filled({ catalog: false });
    const { status, stderr } = await runCommand(command, [host]);
    expect(status).toBe(8);
    expect(stderr).toContain(`registry ${host} does not offer a catalog`);
  });

  test('asks for a login when the registry wants one', async () => {
    const { host } = await filled({ auth: 'basic' });
    const { status, stderr } = await runCommand(command, [host]);
    expect(status).toBe(4);
    expect(stderr).toContain(`hubctl login ${host}`);
  });

  test('refuses what is no registry', async () => {
    const { status, stderr } = await runCommand(command, ['team/app']);
    expect(status).toBe(2);
    expect(stderr).toContain('"team/app" is not a registry');
  });
});
