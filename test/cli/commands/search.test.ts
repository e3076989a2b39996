import { afterEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/search.ts';
import { runCommand } from '../../helpers/command.ts';
import { manyResults, startIndex } from '../../helpers/index-server.ts';
import type { LocalServer } from '../../helpers/local-server.ts';
import { startRegistry } from '../../helpers/registry.ts';

let server: LocalServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const CENTOS = [
  {
    name: 'centos',
    description: 'DEPRECATED; The official build of CentOS. and more text that does not fit',
    star_count: 7773,
    is_official: true,
    is_automated: false,
  },
  { name: 'jdeathe/centos-ssh', description: 'OpenSSH /\nSupervisor', star_count: 118, is_automated: true },
  {
    name: '某某/中文镜像',
    description: '这是一个很长的中文描述这是一个很长的中文描述这是一个很长的中文描述',
    star_count: 3,
  },
];

async function centos(): Promise<{ readonly HUBCTL_INDEX: string }> {
  server = await startIndex({ results: CENTOS });
  return { HUBCTL_INDEX: `${server.origin}/v1/` };
}

describe('search', () => {
  test('prints the table of docker, aligned by columns of the screen', async () => {
    const { stdout, status } = await runCommand(command, ['centos'], { env: await centos() });
    expect(status).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'NAME                 DESCRIPTION                                     STARS     OFFICIAL   AUTOMATED',
      'centos               DEPRECATED; The official build of CentOS. an…   7773      [OK]       ',
      'jdeathe/centos-ssh   OpenSSH / Supervisor                            118                  [OK]',
      '某某/中文镜像        这是一个很长的中文描述这是一个很长的中文描述…   3                    ',
      '',
    ]);
  });

  test('shows whole descriptions with --no-trunc', async () => {
    const { stdout } = await runCommand(command, ['centos'], { env: await centos(), flags: { 'no-trunc': true } });
    expect(stdout).toContain('and more text that does not fit');
  });

  test('prefers --index to HUBCTL_INDEX', async () => {
    const { HUBCTL_INDEX: index } = await centos();
    const { status } = await runCommand(command, ['centos'], {
      env: { HUBCTL_INDEX: 'http://127.0.0.1:9/v1/' },
      flags: { index, limit: 3 },
    });
    expect(status).toBe(0);
    expect(server?.log.map((entry) => entry.path)).toEqual(['/v1/search?q=centos&n=3']);
  });

  test('prints the header alone, and succeeds, when there are no hits', async () => {
    server = await startIndex({ results: [] });
    const { stdout, status } = await runCommand(command, ['nothing'], { flags: { index: server.origin } });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^NAME +DESCRIPTION +STARS +OFFICIAL +AUTOMATED\n$/);
  });

  test('prints objects with --json', async () => {
    const { stdout } = await runCommand(command, ['centos'], { env: await centos(), json: true });
    expect(JSON.parse(stdout)).toEqual([
      { name: 'centos', description: CENTOS[0]?.description, stars: 7773, official: true, automated: false },
      {
        name: 'jdeathe/centos-ssh',
        description: 'OpenSSH /\nSupervisor',
        stars: 118,
        official: false,
        automated: true,
      },
      { name: '某某/中文镜像', description: CENTOS[2]?.description, stars: 3, official: false, automated: false },
    ]);
  });

  test.each([
    [
      'json',
      '{"Description":"DEPRECATED; The official build of CentOS. an…","IsAutomated":"false","IsOfficial":"true","Name":"centos","StarCount":"7773"}',
    ],
    ['{{.Name}}: {{.StarCount}} {{.IsOfficial}}', 'centos: 7773 [OK]'],
  ])('fills the keys of docker with --format %s', async (format, line) => {
    const { stdout } = await runCommand(command, ['centos'], { env: await centos(), format });
    expect(stdout.split('\n')[0]).toBe(line);
  });

  test('prints names only with --quiet', async () => {
    const { stdout } = await runCommand(command, ['centos'], { env: await centos(), quiet: true });
    expect(stdout).toBe('centos\njdeathe/centos-ssh\n某某/中文镜像\n');
  });

  test.each([
    [{ stars: 100 }, ['centos', 'jdeathe/centos-ssh']],
    [{ official: true }, ['centos']],
    [{ automated: true }, ['jdeathe/centos-ssh']],
    [{ filter: ['stars=100', 'is-official=false'] }, ['jdeathe/centos-ssh']],
    [{ stars: 5, filter: ['stars=1000'] }, ['centos']],
  ])('filters by %j', async (flags, names) => {
    const { stdout } = await runCommand(command, ['centos'], { env: await centos(), flags, quiet: true });
    expect(stdout.trimEnd().split('\n')).toEqual(names);
  });

  test('says on stderr that automated builds are history', async () => {
    const { stderr } = await runCommand(command, ['centos'], { env: await centos(), flags: { automated: true } });
    expect(stderr).toMatch(/^WARNING: automated builds are deprecated/);
  });

  test('reads further pages until the limit is reached behind the filters', async () => {
    server = await startIndex({ results: manyResults(300) });
    const flags = { index: server.origin, official: true, limit: 30 };
    const { stdout } = await runCommand(command, ['image'], { flags, quiet: true });
    expect(stdout.trimEnd().split('\n')).toHaveLength(30);
    expect(server.log).toHaveLength(3);
  });

  test('sends the login for the index', async () => {
    const env = await centos();
    await runCommand(command, ['centos'], { env, login: { username: 'bob', password: 'pass' } });
    expect(server?.log[0]?.headers.authorization).toBe(`Basic ${Buffer.from('bob:pass').toString('base64')}`);
  });

  test.each([
    [['https://localhost/app'], {}, 'should not have a scheme'],
    [['app'], { limit: 0 }, 'limit 0 is outside the range of [1, 1000]'],
    [['app'], { limit: 1001 }, 'limit 1001 is outside the range of [1, 1000]'],
    [['app'], { limit: 2.5 }, 'limit 2.5 is outside'],
    [['app'], { filter: ['stars=x'] }, "invalid filter 'stars=x'"],
    [['app'], { index: 'gopher://x' }, 'the search index is not an http or https URL'],
    [['loc_al:50x0/app'], {}, '"loc_al:50x0" is not a registry'],
  ])('refuses %j with %j before any request', async (args, flags, message) => {
    const { status, stderr, stdout } = await runCommand(command, args, { flags });
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
  });

  test('ends with 5 when the index limits requests', async () => {
    server = await startIndex({ results: [], reply: () => ({ status: 429, body: 'slow down' }) });
    const { status, stderr } = await runCommand(command, ['x'], { flags: { index: server.origin } });
    expect(status).toBe(5);
    expect(stderr).toContain(`search "x": ${server.host} answered 429: slow down`);
  });
});

describe('search in a registry', () => {
  test('finds repositories by their names, ready to be pulled', async () => {
    const registry = await startRegistry();
    server = registry;
    for (const name of ['team/app', 'app', 'other']) registry.contents.putBlob(name, Buffer.from('x'));
    const { stdout } = await runCommand(command, [`${registry.host}/app`], { quiet: true });
    expect(stdout).toBe(`${registry.host}/app\n${registry.host}/team/app\n`);
  });

  test('lists every repository for a host with a slash', async () => {
    const registry = await startRegistry({ pageSize: 2 });
    server = registry;
    for (const name of ['a', 'b', 'c', 'd', 'e']) registry.contents.putBlob(name, Buffer.from('x'));
    const { stdout } = await runCommand(command, [`${registry.host}/`], { quiet: true, flags: { limit: 4 } });
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
  });

  test('uses the search of a v1 registry', async () => {
    server = await startIndex({ results: CENTOS, ping: { status: 200, body: 'true' } });
    const { stdout } = await runCommand(command, [`${server.host}/centos`], { quiet: true });
    expect(stdout.split('\n')[0]).toBe(`${server.host}/centos`);
  });

  test('says so when there is no catalog', async () => {
    server = await startRegistry({ catalog: false });
    const { status, stderr } = await runCommand(command, [`${server.host}/app`]);
    expect(status).toBe(8);
    expect(stderr).toContain(`registry ${server.host} does not offer a catalog`);
  });
});
