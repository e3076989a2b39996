import { beforeEach, describe, expect, test, vi } from 'vitest';
import { defineCommand, type CommandSpec } from '../../src/cli/command.ts';
import type { GlobalFlags } from '../../src/cli/globals.ts';
import type { Io } from '../../src/cli/io.ts';
import { runCli, type CliResult } from '../helpers/cli.ts';

interface Seen {
  globals: GlobalFlags | undefined;
  args: readonly string[] | undefined;
  flags: Readonly<Record<string, unknown>> | undefined;
  closed: number;
}

const world = vi.hoisted(() => ({
  seen: { globals: undefined, args: undefined, flags: undefined, closed: 0 } as Seen,
  answer: async (): Promise<number | void> => undefined,
}));

vi.mock('../../src/cli/create-context.ts', () => ({
  createContext: (io: Io, globals: GlobalFlags) => {
    world.seen.globals = globals;
    return {
      io,
      close: async () => {
        world.seen.closed += 1;
      },
    };
  },
}));

vi.mock('../../src/cli/commands.ts', () => {
  const spec = (name: string, args: CommandSpec['arguments']): CommandSpec =>
    defineCommand({
      name,
      summary: `Does ${name}`,
      arguments: args,
      flags: {
        'no-trunc': { kind: 'boolean', help: 'whole cells' },
        filter: { kind: 'strings', short: 'f', help: 'only these' },
        limit: { kind: 'number', short: 'n', help: 'at most' },
        format: { kind: 'string', help: 'how each is printed' },
        'tls-cert': { kind: 'string', help: 'another certificate', apart: true },
      },
      examples: [],
      run: async (_context, operands, flags) => {
        world.seen.args = operands;
        world.seen.flags = flags;
        return world.answer();
      },
    });
  const entry = (name: string, args: CommandSpec['arguments'], aliases: readonly string[] = []) => ({
    summary: `Does ${name}`,
    group: 'common',
    aliases,
    load: async () => ({ command: spec(name, args) }),
  });
  const COMMANDS: Record<string, ReturnType<typeof entry>> = {
    pull: entry('pull', [{ name: 'NAME', help: 'what', many: true }], ['image pull']),
    tag: entry('tag', [
      { name: 'SOURCE', help: '' },
      { name: 'TARGET', help: '' },
    ]),
    images: entry('images', [], ['image ls']),
    manifest: entry('manifest', [{ name: 'NAME', help: '' }], ['manifest inspect']),
  };
  return {
    COMMANDS,
    GROUPS: { common: 'Common Commands' },
    namesOf: (name: string) => [name, ...(COMMANDS[name]?.aliases ?? [])],
  };
});

function hubctl(...argv: readonly string[]): Promise<CliResult> {
  return runCli(argv, { home: '/nowhere' });
}

beforeEach(() => {
  world.seen = { globals: undefined, args: undefined, flags: undefined, closed: 0 };
  world.answer = async () => undefined;
});

describe('a command', () => {
  test('gets its arguments and flags', async () => {
    expect(
      await hubctl('pull', '-f', 'a', 'alpine', '--filter=b', '--limit', '3', '--no-trunc', 'debian'),
    ).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(world.seen.args).toEqual(['alpine', 'debian']);
    expect(world.seen.flags).toMatchObject({ 'no-trunc': true, filter: ['a', 'b'], limit: 3 });
  });

  test('gets global flags from before and after its word', async () => {
    await hubctl(
      '--debug',
      '--insecure',
      'a',
      '--store',
      '/one',
      'pull',
      '--insecure',
      'b',
      'alpine',
      '--store=/two',
      '-q',
    );
    expect(world.seen.globals).toMatchObject({ debug: true, insecure: ['a', 'b'], store: '/two', quiet: true });
    expect(world.seen.args).toEqual(['alpine']);
  });

  test('shares a flag of its own with all commands, unless it means something else there', async () => {
    await hubctl('pull', 'alpine', '--format', '{{.Id}}', '--tls-cert', 'mine.pem');
    expect(world.seen.flags).toMatchObject({ format: '{{.Id}}', 'tls-cert': 'mine.pem' });
    expect(world.seen.globals?.format).toBe('{{.Id}}');
    expect(world.seen.globals?.tlsCert).toBeUndefined();
  });

  test('is found by two words, with flags between them', async () => {
    await hubctl('image', '--quiet', 'pull', 'alpine');
    expect([world.seen.args, world.seen.globals?.quiet]).toEqual([['alpine'], true]);
  });

  test('that is also a group is found either way', async () => {
    await hubctl('manifest', 'alpine');
    expect(world.seen.args).toEqual(['alpine']);
    await hubctl('manifest', 'inspect', 'debian');
    expect(world.seen.args).toEqual(['debian']);
  });

  test('gets everything after -- as arguments', async () => {
    await hubctl('pull', '--', '--json', '-q');
    expect(world.seen.args).toEqual(['--json', '-q']);
  });

  test('gets a single dash, negative numbers and flags in one token', async () => {
    await hubctl('pull', '-', '-qD', '-n5', '-f=x=y');
    expect(world.seen.args).toEqual(['-']);
    expect(world.seen.flags).toMatchObject({ limit: 5, filter: ['x=y'] });
    await hubctl('pull', 'x', '--limit', '-1');
    expect(world.seen.flags).toMatchObject({ limit: -1 });
  });

  test('decides the exit status', async () => {
    world.answer = async () => 5;
    expect((await hubctl('pull', 'x')).status).toBe(5);
  });

  test('has its context closed, also when it fails', async () => {
    await hubctl('pull', 'x');
    world.answer = async () => {
      throw new Error('boom');
    };
    expect((await hubctl('pull', 'x')).status).toBe(70);
    expect(world.seen.closed).toBe(2);
  });
});

describe('a mistake', () => {
  test('in the number of arguments shows how the command is called', async () => {
    expect(await hubctl('tag', 'a')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: [
        "hubctl: 'hubctl tag' requires 2 arguments",
        '',
        'Usage:  hubctl tag [OPTIONS] SOURCE TARGET',
        '',
        "Run 'hubctl tag --help' for more information",
        '',
      ].join('\n'),
    });
  });

  test('in the command names the nearest one', async () => {
    expect(await hubctl('pul', 'alpine')).toMatchObject({
      status: 2,
      stderr: [
        'hubctl: unknown command: hubctl pul',
        "  hint: did you mean 'hubctl pull'?",
        '',
        "Run 'hubctl --help' for more information",
        '',
      ].join('\n'),
    });
    expect((await hubctl('image', 'sl')).stderr).toContain("did you mean 'hubctl image ls'?");
    expect((await hubctl('frobnicate')).stderr).not.toContain('hint');
  });

  test('in a flag names the nearest one', async () => {
    const { status, stderr } = await hubctl('pull', '--fliter', 'x', 'alpine');
    expect(status).toBe(2);
    expect(stderr).toContain('hubctl: unknown flag: --fliter\n  hint: did you mean --filter?\n\nUsage:  hubctl pull');
  });

  test.each([
    [['pull', '-x', 'a'], "unknown shorthand flag: 'x' in -x"],
    [['pull', '-qx', 'a'], "unknown shorthand flag: 'x' in -x"],
    [['pull', 'a', '--limit'], 'flag needs an argument: --limit'],
    [['pull', 'a', '-f'], 'flag needs an argument: --filter'],
    [['--nope', 'pull'], 'unknown flag: --nope'],
    [['--store'], 'flag needs an argument: --store'],
    [['pull', 'a', '--limit', 'many'], 'invalid value "many" for --limit: want a number'],
    [['pull', 'a', '--quiet=perhaps'], 'unknown flag: --quiet'],
  ])('%j is told as "%s"', async (argv, message) => {
    const { status, stderr } = await hubctl(...argv);
    expect(status).toBe(2);
    expect(stderr.split('\n')[0]).toBe(`hubctl: ${message}`);
  });

  test('with --json is one JSON object on stderr', async () => {
    const { stderr, stdout } = await hubctl('tag', '--json');
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'USAGE',
        message: "'hubctl tag' requires 2 arguments",
        details: { command: 'hubctl tag', usage: 'hubctl tag [OPTIONS] SOURCE TARGET' },
        exit: 2,
      },
    });
  });
});

describe('help', () => {
  test('of a command needs no arguments and runs nothing', async () => {
    const { status, stdout } = await hubctl('tag', '--help');
    expect([status, world.seen.args]).toEqual([0, undefined]);
    expect(stdout).toContain('Usage:  hubctl tag [OPTIONS] SOURCE TARGET\n\nDoes tag\n');
  });

  test('may be asked for before the command', async () => {
    expect((await hubctl('-h', 'tag')).stdout).toContain('Usage:  hubctl tag');
  });

  test('of a group lists its commands', async () => {
    const { status, stdout } = await hubctl('image');
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        'Usage:  hubctl image COMMAND',
        '',
        'Commands:',
        '  pull  Does pull',
        '  ls    Does images',
        '',
        "Run 'hubctl image COMMAND --help' for more information on a command.",
        '',
      ].join('\n'),
    );
  });

  test('is shown for flags without a command', async () => {
    expect((await hubctl('--debug')).stdout).toContain('Usage:  hubctl [OPTIONS] COMMAND');
  });
});

test('--version may stand among other flags', async () => {
  expect((await hubctl('--debug', '--version')).stdout).toMatch(/^hubctl version \d+\.\d+\.\d+\n$/);
});
