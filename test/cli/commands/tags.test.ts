import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/tags.ts';
import { runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';

let registry: Registry;
let name: string;

beforeEach(async () => {
  registry = await startRegistry({ pageSize: 3 });
  name = `${registry.host}/team/app`;
  for (const tag of ['1.10', '1.9', '2.0-rc1', 'latest', '1.2', 'edge', '10']) {
    registry.contents.putManifest('team/app', { mediaType: 'x', bytes: Buffer.from(tag) }, tag);
  }
});

afterEach(() => registry.stop());

describe('tags', () => {
  test('prints one tag per line from all pages, in the order of the registry', async () => {
    const { stdout, status } = await runCommand(command, [name]);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual(['1.10', '1.2', '1.9', '10', '2.0-rc1', 'edge', 'latest']);
    expect(registry.requests({ path: '/tags/list' })).toHaveLength(3);
  });

  test('asks for no more pages than the limit needs', async () => {
    const { stdout } = await runCommand(command, [name], { flags: { limit: 2 } });
    expect(stdout).toBe('1.10\n1.2\n');
    expect(registry.requests({ path: '/tags/list' })).toHaveLength(1);
  });

  test('keeps the tags that match a pattern', async () => {
    const { stdout } = await runCommand(command, [name], { flags: { match: '1.*', sort: true } });
    expect(stdout).toBe('1.2\n1.9\n1.10\n');
  });

  test('prints repository and tags with --json', async () => {
    const { stdout } = await runCommand(command, [name], { json: true, flags: { limit: 1 } });
    expect(JSON.parse(stdout)).toEqual({ repository: name, tags: ['1.10'] });
  });

  test('refuses a reference with a tag', async () => {
    const { status, stderr } = await runCommand(command, [`${name}:1.2`]);
    expect(status).toBe(2);
    expect(stderr).toContain(`hint: try: hubctl tags ${name}`);
  });

  test('ends with 3 for a repository that is not there', async () => {
    const { status, stdout } = await runCommand(command, [`${registry.host}/nope`]);
    expect(status).toBe(3);
    expect(stdout).toBe('');
  });
});
