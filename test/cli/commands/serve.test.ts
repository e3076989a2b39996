import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { digestOf } from '../../../src/spec/digest.ts';
import { issueCertificate } from '../../helpers/certificates.ts';
import { runCli } from '../../helpers/cli.ts';
import { folder } from '../../helpers/folder.ts';
import { newUser, type User } from '../../helpers/hubctl.ts';
import { TESTER } from '../../helpers/real-registry.ts';
import { ask, codesOf, locationOf, type Answer, type Ask } from '../../helpers/served.ts';

interface Running {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  readonly host: string;
  /** The first line of stdout. */
  readonly line: string;
  readonly output: { stdout: string; stderr: string };
  ask(path: string, options?: Ask): Promise<Answer>;
  /** Resolves when stderr fits. */
  said(pattern: RegExp): Promise<void>;
  /** Ends it; gives its exit status, or the signal that it died of. */
  end(signal?: NodeJS.Signals): Promise<number | string>;
}

async function newHome(): Promise<User> {
  const user = await newUser();
  onTestFinished(() => user[Symbol.asyncDispose]());
  return user;
}

/** `hubctl serve` on a free port, as soon as it says that it listens. */
async function start(user: User, ...args: readonly string[]): Promise<Running> {
  const child = user.start(['serve', '--addr', '127.0.0.1:0', ...args]);
  const output = { stdout: '', stderr: '' };
  const changed = (): boolean => child.emit('changed');
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      changed();
    });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? '');
      changed();
    });
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) {
      if (child.exitCode !== null) throw new Error(`it ended: ${output.stdout}${output.stderr}`);
      await new Promise((resolve) => child.once('changed', resolve));
    }
  };
  await until(() => output.stdout.includes('\n'));
  const [line = ''] = output.stdout.split('\n');
  const url = /https?:\/\/[\d.:]+\d/.exec(line)?.[0] ?? '';
  return {
    url,
    host: url.replace(/^https?:\/\//, ''),
    line,
    output,
    ask: (path, options) => ask(url, path, options),
    said: (pattern) => until(() => pattern.test(output.stderr)),
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

describe('a registry of the command line', () => {
  test('says where it is in one line, and ends well when it is told to', async () => {
    const user = await newHome();
    const running = await start(user, 'data');
    const dir = join(user.home, 'data');
    expect(running.line).toBe(`registry at ${running.url} (${dir})`);
    expect((await running.ask('/v2/')).status).toBe(200);
    expect(await running.end('SIGTERM')).toBe(0);
    expect(running.output.stdout).toBe(`${running.line}\n`);
    expect(running.output.stderr).toContain('stopping: requests that run are finished first');
    expect(readdirSync(dir).toSorted()).toEqual(['registry.json', 'uploads']);
  });

  test('ends well when its terminal interrupts it', async () => {
    const running = await start(await newHome(), 'data');
    expect(await running.end('SIGINT')).toBe(0);
  });

  test('tells where it is to programs as well', async () => {
    const user = await newHome();
    const running = await start(user, '--json', 'data');
    expect(JSON.parse(running.line)).toEqual({ url: running.url, host: running.host, dir: join(user.home, 'data') });
    await running.ask('/v2/x/tags/list', { headers: { 'user-agent': 'a "test"' } });
    await running.said(/\n/);
    expect(JSON.parse(running.output.stderr.split('\n')[0] ?? '')).toMatchObject({
      type: 'request',
      remote: '127.0.0.1',
      method: 'GET',
      target: '/v2/x/tags/list',
      status: 404,
      agent: 'a "test"',
    });
  });

  test('writes a line for each request to stderr, whatever the request has in it', async () => {
    const running = await start(await newHome(), 'data');
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('hello')}`;
    await running.ask(path, { method: 'POST', body: 'hello', headers: { 'user-agent': 'evil\u009b31m' } });
    await running.said(/uploads.*\n/);
    expect(running.output.stderr).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z 127\.0\.0\.1 - "POST \/v2\/a\/blobs\/uploads\/\?digest=sha256:\w+" 201 5>0 \d+ms "evil/,
    );
    expect(running.output.stderr).not.toContain('\u009b');
  });

  test('writes none with --quiet', async () => {
    const running = await start(await newHome(), '--quiet', 'data');
    await running.ask('/v2/');
    expect(await running.end()).toBe(0);
    expect(running.output).toEqual({ stdout: `${running.line}\n`, stderr: '' });
  });

  test('keeps its content beside the local store when it is not told where', async () => {
    const user = await newHome();
    const running = await start(user, '--store', join(user.home, 'mine', 'store'));
    expect(running.line).toContain(`(${join(user.home, 'mine', 'registry')})`);
  });

  test('finishes an upload that runs before it ends', async () => {
    const user = await newHome();
    const running = await start(user, 'data');
    const location = locationOf(await running.ask('/v2/a/blobs/uploads/', { method: 'POST' }));
    const bytes = Buffer.alloc(20_000_000, 'upload');
    const pushed = running.ask(`${location}?digest=${digestOf(bytes)}`, { method: 'PUT', body: bytes });
    // The session is locked by the upload as soon as its first bytes are in the file.
    while ((await running.ask(location)).headers['range'] === '0-0') continue;
    const ended = running.end();
    expect([(await pushed).status, await ended]).toEqual([201, 0]);
    const again = await start(user, 'data');
    expect((await again.ask(`/v2/a/blobs/${digestOf(bytes)}`)).body.equals(bytes)).toBe(true);
  });

  test('serves a folder that no other process serves', async () => {
    const user = await newHome();
    await start(user, 'data');
    const { status, stdout, stderr } = await user.hubctl(['serve', '--addr', '127.0.0.1:0', 'data']);
    expect([status === 0, stdout]).toEqual([false, '']);
    expect(stderr).toMatch(/is served by process \d+ already/);
  });

  test('takes over the folder of one that was killed', async () => {
    const user = await newHome();
    const first = await start(user, 'data');
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    expect((await (await start(user, 'data')).ask('/v2/')).status).toBe(200);
  });
});

describe('what it allows', () => {
  test('is to push, but not to delete unless it is told so', async () => {
    const user = await newHome();
    const path = `/v2/a/blobs/uploads/?digest=${digestOf('x')}`;
    const keeping = await start(user, 'keeping');
    await keeping.ask(path, { method: 'POST', body: 'x' });
    expect((await keeping.ask(`/v2/a/blobs/${digestOf('x')}`, { method: 'DELETE' })).status).toBe(405);
    const deleting = await start(user, '--allow-delete', 'deleting');
    await deleting.ask(path, { method: 'POST', body: 'x' });
    expect((await deleting.ask(`/v2/a/blobs/${digestOf('x')}`, { method: 'DELETE' })).status).toBe(202);
  });

  test('is to read alone with --read-only', async () => {
    const running = await start(await newHome(), '--read-only', 'data');
    expect((await running.ask('/v2/a/blobs/uploads/', { method: 'POST' })).status).toBe(405);
  });

  test('is for accounts of a file only', async () => {
    const user = await newHome();
    writeFileSync(join(user.home, 'accounts'), `${TESTER.htpasswd}\n`);
    const running = await start(user, '--htpasswd', 'accounts', 'data');
    const answer = await running.ask('/v2/');
    expect([answer.status, codesOf(answer)]).toEqual([401, ['UNAUTHORIZED']]);
    await user.ok(['login', '-u', TESTER.username, '--password-stdin', running.host], { input: TESTER.password });
    expect(await user.ok(['catalog', running.host])).toBe('');
    await running.said(/ tester "GET \/v2\/_catalog/);
    expect(running.output.stderr).not.toContain(TESTER.password);
  });

  test('is chunks of a size', async () => {
    const running = await start(await newHome(), '--chunk-min-length', '1MiB', 'data');
    const answer = await running.ask('/v2/a/blobs/uploads/', { method: 'POST' });
    expect(answer.headers['oci-chunk-min-length']).toBe('1048576');
  });
});

describe('what it offers', () => {
  async function withImage(reference: string): Promise<User> {
    const user = await newHome();
    writeFileSync(join(user.home, 'motd'), 'hello\n');
    await user.ok(['import', '.', reference]);
    return user;
  }

  test('are images of the local store with --images', async () => {
    const user = await withImage('team/app:1');
    const running = await start(user, '--images', '--read-only', 'data');
    expect(await user.ok(['catalog', running.host])).toBe('team/app');
    const other = await newHome();
    await other.ok(['pull', '-q', `${running.host}/team/app:1`]);
    expect(await other.ok(['image', 'ls', '-q'])).toBe(await user.ok(['image', 'ls', '-q']));
  });

  test('is what it fetches from another registry with --proxy', async () => {
    const user = await newHome();
    writeFileSync(join(user.home, 'motd'), 'hello\n');
    const upstream = await start(user, 'upstream');
    await user.ok(['import', '.', `${upstream.host}/team/app:1`]);
    await user.ok(['push', '-q', `${upstream.host}/team/app:1`]);
    const digest = await user.ok(['digest', `${upstream.host}/team/app:1`]);
    const proxy = await start(user, '--proxy', upstream.host, 'proxy');
    const other = await newHome();
    await other.ok(['pull', '-q', `${proxy.host}/team/app:1`]);
    expect(await upstream.end()).toBe(0);
    expect(await other.ok(['digest', `${proxy.host}/team/app:1`])).toBe(digest);
    const third = await newHome();
    await third.ok(['pull', '-q', `${proxy.host}/team/app:1`]);
    expect(await third.ok(['image', 'ls', '-q'])).toBe(await other.ok(['image', 'ls', '-q']));
  });
});

describe('a mistake', () => {
  test.each<[string, readonly string[], number, string]>([
    ['an address that is none', ['--addr', 'somewhere'], 2, 'invalid address "somewhere"'],
    ['a port that is none', ['--addr', '127.0.0.1:70000'], 2, 'invalid address "127.0.0.1:70000"'],
    ['a size that is none', ['--chunk-min-length', 'much'], 2, '--chunk-min-length'],
    ['a certificate without a key', ['--tls-cert', 'cert.pem'], 2, '--tls-key is missing'],
    ['a key without a certificate', ['--tls-key', 'key.pem'], 2, '--tls-cert is missing'],
    ['a certificate that is not there', ['--tls-cert', 'no.pem', '--tls-key', 'no.pem'], 2, 'no.pem'],
    ['accounts that are not there', ['--htpasswd', 'none'], 2, 'does not exist'],
    ['two folders', ['a', 'b'], 2, ''],
    ['a registry that is none', ['--proxy', 'team/app'], 2, '"team/app" is not a registry'],
  ])('%s is told before anything is done', async (_, args, status, message) => {
    const home = folder();
    const result = await runCli(['serve', ...args], { home });
    expect(result.stderr).toContain(message);
    expect([result.status, result.stdout]).toEqual([status, '']);
    expect(existsSync(join(home, '.local', 'share', 'registry'))).toBe(false);
  });

  test('such as other hashes in the file of accounts is told with its line, not with the hash', async () => {
    const home = folder();
    writeFileSync(join(home, 'accounts'), 'tester:$apr1$salt$hash\n');
    const result = await runCli(['serve', '--htpasswd', 'accounts'], { home });
    expect([result.status === 0, result.stdout]).toEqual([false, '']);
    expect(result.stderr).toContain('line 1 has no bcrypt hash');
    expect(result.stderr).not.toContain('$apr1');
  });

  test('such as an open door to other machines is refused with what would close it', async () => {
    const home = folder();
    const result = await runCli(['serve', '--addr', '0.0.0.0:0'], { home });
    expect([result.status === 0, result.stdout]).toEqual([false, '']);
    expect(result.stderr).toContain('0.0.0.0 can be reached from other machines');
    expect(result.stderr).toContain('--insecure-listen');
  });

  test('such as a certificate that does not fit its key is told', async () => {
    const home = folder();
    writeFileSync(join(home, 'cert.pem'), issueCertificate({ name: 'one' }).certificate);
    writeFileSync(join(home, 'key.pem'), issueCertificate({ name: 'two' }).key);
    const result = await runCli(['serve', '--tls-cert', 'cert.pem', '--tls-key', 'key.pem'], { home });
    expect([result.status, result.stdout]).toEqual([2, '']);
    expect(result.stderr).toContain('the certificate and the key cannot be used');
  });

  test('such as a port in use is told', async () => {
    const running = await start(await newHome(), 'data');
    const result = await runCli(['serve', '--addr', running.host, 'other'], { home: folder() });
    expect([result.status === 0, result.stdout]).toEqual([false, '']);
    expect(result.stderr).toContain(`cannot listen on ${running.host}: the port is in use`);
  });
});
