import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { HUB, Home, base64 } from '../../helpers/credentials.ts';
import { runCli, type CliOptions, type CliResult } from '../../helpers/cli.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';

let basic: Registry;
let bearer: Registry;
let open: Registry;
let home: Home;

beforeAll(async () => {
  [basic, bearer, open] = await Promise.all([
    startRegistry({ auth: 'basic' }),
    startRegistry({ auth: 'bearer' }),
    startRegistry({ auth: 'none' }),
  ]);
});

afterAll(() => Promise.all([basic.stop(), bearer.stop(), open.stop()]));

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

/** No keychain of this machine is touched: its bus is somewhere else. */
function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${home.at('no-bus')}`, ...options.env };
  return runCli(argv, { ...options, home: home.path, env });
}

function login(argv: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
  const all = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', ...argv, basic.host];
  return cli(all, { stdin: 'secret\n', ...options });
}

describe('a login with the right password', () => {
  test('is kept as docker keeps it', async () => {
    const { status, stdout, stderr } = await login();
    expect([status, stdout]).toEqual([0, 'Login Succeeded\n']);
    expect(stderr).toBe('The credentials are kept unencrypted in ~/.docker/config.json (mode 0600)\n');
    expect(await home.text('.docker/config.json')).toBe(
      `{\n\t"auths": {\n\t\t"${basic.host}": {\n\t\t\t"auth": "${base64('tester:secret')}"\n\t\t}\n\t}\n}`,
    );
    expect(await home.mode('.docker/config.json')).toBe(0o600);
  });

  test('gives one JSON value with --json', async () => {
    const { stdout } = await login(['--json']);
    expect(JSON.parse(stdout)).toEqual({ server: basic.host, username: 'tester', store: 'file ~/.docker/config.json' });
  });

  test('accepts a token service elsewhere, which later runs give the password to and to no other', async () => {
    const elsewhere = await startRegistry({ auth: 'bearer', tokenOrigin: true });
    onTestFinished(() => elsewhere.stop());
    const service = elsewhere.tokenServer?.origin ?? '';
    await home.write('.docker/config.json', { auths: { [elsewhere.host]: { auth: base64('tester:secret') } } });
    elsewhere.contents.putBlob('team/app', Buffer.from('x'));
    const before = await cli(['tags', `${elsewhere.host}/team/app`]);
    expect([before.status, elsewhere.tokenServer?.log.length]).toEqual([8, 0]);
    const argv = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', elsewhere.host];
    const { stderr } = await cli(argv, { stdin: 'secret' });
    expect(stderr).toContain(
      `the token service of ${elsewhere.host} is ${service}; no other one will get the password`,
    );
    expect(JSON.parse(await home.text('.config/hubctl/realms.json'))).toMatchObject({
      realms: { [elsewhere.host]: service },
    });
    expect((await cli(['tags', `${elsewhere.host}/team/app`])).status).not.toBe(8);
  });

  test('keeps the token of a token service in place of the password', async () => {
    const argv = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', bearer.host];
    expect((await cli(argv, { stdin: 'secret' })).status).toBe(0);
    const entry = (await home.json()).auths[bearer.host];
    expect(entry.auth).toBe(base64('tester:'));
    expect(entry.identitytoken).toBeTruthy();
  });

  test('is used by the next command', async () => {
    await login();
    const who = await cli(['auth', 'whoami', basic.host]);
    expect([who.status, who.stdout]).toEqual([0, 'tester (file ~/.docker/config.json)\n']);
    expect((await cli(['catalog', basic.host])).status).toBe(0);
  });

  test('falls from a keychain that does not work to the file, and says so in one line', async () => {
    const { status, stderr } = await login(['--credential-store', 'auto']);
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^WARNING: no keychain works here, so the credentials are kept unencrypted in ~\/\.docker\/config\.json \(mode 0600\)\n$/,
    );
  });

  test('goes to the helper that is asked for, and docker is led there', async () => {
    await home.keepingHelper('vault');
    const { status, stderr } = await login(['--credential-store', 'helper:vault']);
    expect([status, stderr]).toEqual([0, '']);
    expect(await home.kept('vault')).toEqual({ [basic.host]: ['tester', 'secret'] });
    expect(await home.json()).toEqual({ auths: { [basic.host]: {} }, credHelpers: { [basic.host]: 'vault' } });
    expect((await cli(['auth', 'whoami', basic.host])).stdout).toBe('tester (helper vault)\n');
  });

  test('takes the default store from HUBCTL_CREDENTIAL_STORE', async () => {
    await home.keepingHelper('vault');
    const env = { HUBCTL_CREDENTIAL_STORE: 'helper:vault' };
    const { status } = await cli(['login', '-u', 'tester', '-p', '-', basic.host], { stdin: 'secret\n', env });
    expect([status, Object.keys(await home.kept('vault'))]).toEqual([0, [basic.host]]);
  });

  test('writes the old format to a file named .dockercfg, with the mail address', async () => {
    const { stderr } = await login(['--authfile', home.at('.dockercfg'), '-e', 'tester@example.com']);
    expect(stderr).not.toContain('--email is ignored');
    expect(await home.json('.dockercfg')).toEqual({
      [basic.host]: { auth: base64('tester:secret'), email: 'tester@example.com' },
    });
  });

  test('says where a mail address is ignored', async () => {
    expect((await login(['-e', 'tester@example.com'])).stderr).toContain('--email is ignored');
  });

  test('keeps a namespace apart in the file of a flag, and says that docker cannot', async () => {
    const argv = ['login', '-u', 'tester', '--password-stdin', `${basic.host}/team`];
    await cli([...argv, '--authfile', home.at('auth.json')], { stdin: 'secret' });
    expect(Object.keys((await home.json('auth.json')).auths)).toEqual([`${basic.host}/team`]);
    const { stderr } = await cli([...argv, '--credential-store', 'file'], { stdin: 'secret' });
    expect(stderr).toContain(`the credentials are kept for all of ${basic.host}`);
    expect(Object.keys((await home.json()).auths)).toEqual([basic.host]);
  });

  test('warns of a variable that is stronger', async () => {
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [basic.host]: { auth: base64('other:x') } } }) };
    expect((await login([], { env })).stderr).toContain('environment DOCKER_AUTH_CONFIG takes precedence');
  });

  test('warns of a password on the command line, but not of -', async () => {
    const argv = ['login', '--credential-store', 'file', '-u', 'tester', basic.host];
    const { status, stderr } = await cli([...argv, '-p', 'secret']);
    expect([status, stderr.split('\n')[0]]).toEqual([
      0,
      'WARNING: Using --password via the CLI is insecure. Use --password-stdin.',
    ]);
    expect((await cli([...argv, '-p', '-'], { stdin: 'secret\n' })).stderr).not.toContain('insecure');
  });

  test('replaces what was stored', async () => {
    await home.write('.docker/config.json', { auths: { [basic.host]: { auth: base64('old:x') } } });
    await login();
    expect((await home.json()).auths[basic.host].auth).toBe(base64('tester:secret'));
  });
});

describe('a login that fails', () => {
  test('stores nothing, exits with 4 and says what to do', async () => {
    const { status, stdout, stderr } = await login([], { stdin: 'wrong' });
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toContain(`hubctl: ${basic.host} rejected the password of tester: `);
    expect(stderr).toContain('failed with status: 401 Unauthorized');
    expect(stderr).toContain('  hint: check the user name');
    expect(stderr).not.toContain('wrong');
    await expect(home.text('.docker/config.json')).rejects.toThrow('ENOENT');
  });

  test('at a token service does the same', async () => {
    const argv = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', bearer.host];
    const { status, stderr } = await cli(argv, { stdin: 'wrong' });
    expect([status, stderr.includes(`${bearer.host} rejected the password of tester`)]).toEqual([4, true]);
  });

  test('for want of a terminal names --password-stdin', async () => {
    const { status, stderr } = await cli(['login', '--credential-store', 'file', '-u', 'tester', basic.host]);
    expect(status).toBe(2);
    expect(stderr).toContain('cannot perform an interactive login from a non-TTY device');
    expect(stderr).toContain('--password-stdin');
  });

  test('for want of the keychain that was asked for does so before anything is sent', async () => {
    const before = basic.requests({}).length;
    const { status, stderr } = await login(['--credential-store', 'keychain']);
    expect([status, basic.requests({}).length]).toEqual([4, before]);
    expect(stderr).toContain('--credential-store file');
  });

  test('for want of the configured helper names it and the setting', async () => {
    await home.write('.docker/config.json', { credsStore: 'desktop' });
    const { status, stderr } = await login(['--credential-store', 'auto']);
    expect(status).toBe(4);
    expect(stderr).toContain('credential helper "desktop", named by credsStore in ~/.docker/config.json, is missing');
  });

  test.each([
    [['-u', 'a', '-p', 'b', '--password-stdin'], 'conflicting options'],
    [['--password-stdin'], 'requires --username'],
    [['-u', 'a', '-p', 'b', '--credential-store', 'cloud'], '"cloud" is not a credential store'],
  ])('with flags %j is a matter of usage', async (flags, text) => {
    const { status, stderr } = await cli(['login', ...flags, basic.host]);
    expect([status, stderr.includes(text)]).toEqual([2, true]);
  });

  test('for a name that is no registry is one, too', async () => {
    expect((await cli(['login', '-u', 'a', '-p', 'b', 'nonsense'])).status).toBe(2);
  });
});

describe('without an account', () => {
  test('stored credentials are used', async () => {
    await login();
    const { status, stdout, stderr } = await cli(['login', basic.host]);
    expect([status, stdout]).toEqual([0, 'Login Succeeded\n']);
    expect(stderr).toBe('Authenticating with existing credentials... [Username: tester]\n');
  });

  test('stored credentials that are refused lead to questions at a terminal', async () => {
    await home.write('.docker/config.json', { auths: { [basic.host]: { auth: base64('tester:old') } } });
    const argv = ['login', '--credential-store', 'file', basic.host];
    const { status, stderr } = await cli(argv, { tty: true, stdin: '\nsecret\n' });
    expect(status).toBe(0);
    expect(stderr).toContain('Stored credentials invalid or expired\nUsername (tester): Password: \n');
    expect((await home.json()).auths[basic.host].auth).toBe(base64('tester:secret'));
  });

  test('stored credentials that are refused are a failure without a terminal', async () => {
    await home.write('.docker/config.json', { auths: { [basic.host]: { auth: base64('tester:old') } } });
    expect((await cli(['login', basic.host])).status).toBe(4);
  });

  test('everything is asked for at a terminal, and a password is not shown', async () => {
    const argv = ['login', '--credential-store', 'file', basic.host];
    const { status, stdout, stderr } = await cli(argv, { tty: true, stdin: 'tester\nsecret\n' });
    expect([status, stdout]).toEqual([0, 'Login Succeeded\n']);
    expect(stderr).not.toContain('secret');
  });
});

test('a registry that wants no login takes any', async () => {
  const argv = ['login', '--credential-store', 'file', '-u', 'tester', '--password-stdin', open.host];
  expect((await cli(argv, { stdin: 'anything' })).status).toBe(0);
});

test('Docker Hub is logged out of under its own key', async () => {
  await home.write('.docker/config.json', { auths: { [HUB]: { auth: base64('a:b') } } });
  const { stdout } = await cli(['logout']);
  expect([stdout, await home.json()]).toEqual([`Removing login credentials for ${HUB}\n`, { auths: {} }]);
});
