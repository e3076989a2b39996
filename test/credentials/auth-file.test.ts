import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuthFile, type AuthFileOptions } from '../../src/credentials/auth-file.ts';
import { HUB, Home, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const ALICE = { kind: 'basic', username: 'alice', password: 'secret' } as const;
const AUTH = base64('alice:secret');

let home: Home;

beforeEach(async () => {
  home = await Home.create();
});

afterEach(() => home[Symbol.asyncDispose]());

function open(name = '.docker/config.json', options: Partial<AuthFileOptions> = {}): AuthFile {
  const warn = (text: string): void => void home.warnings.push(text);
  const shape = name.endsWith('.dockercfg') ? 'dockercfg' : 'config';
  return new AuthFile({ path: home.at(name), label: `~/${name}`, shape, warn, ...options });
}

describe('a new file', () => {
  test('is as docker writes it, for its owner alone', async () => {
    await open().store('ghcr.io', ALICE);
    expect(await home.text('.docker/config.json')).toBe(
      `{\n\t"auths": {\n\t\t"ghcr.io": {\n\t\t\t"auth": "${AUTH}"\n\t\t}\n\t}\n}`,
    );
    expect([await home.mode('.docker/config.json'), await home.mode('.docker')]).toEqual([0o600, 0o700]);
  });

  test('leaves no lock and no temporary file behind', async () => {
    await open().store('ghcr.io', ALICE);
    expect(await readdir(home.at('.docker'))).toEqual(['config.json']);
  });

  test('is not made by a logout', async () => {
    expect(await open().erase('ghcr.io')).toBe(false);
    expect(await readdir(home.path)).toEqual(['bin']);
  });
});

describe('storing', () => {
  test.each(['docker.io', '', 'index.docker.io', HUB])('for "%s" uses the key of Docker Hub', async (server) => {
    await open().store(server, ALICE);
    expect(Object.keys((await home.json()).auths)).toEqual([HUB]);
  });

  test('keeps unknown fields, order, indentation and end of the file, and leaves it to its owner alone', async () => {
    const before =
      '{\n    "zeta": 1e2,\n    "auths": {\n        "quay.io": {\n            "auth": "eDp5"\n        }\n    },\n    "plugins": {"x": {}}\n}\n';
    await home.write('.docker/config.json', before, 0o640);
    await open().store('ghcr.io', ALICE);
    const entry = `,\n        "ghcr.io": {\n            "auth": "${AUTH}"\n        }`;
    expect(await home.text('.docker/config.json')).toBe(
      before.replace('"eDp5"\n        }', `"eDp5"\n        }${entry}`),
    );
    expect(await home.mode('.docker/config.json')).toBe(0o600);
  });

  test('keeps a namespaced key as it is, and reads it for its repositories only', async () => {
    await open().store('ghcr.io/org', ALICE);
    expect(Object.keys((await home.json()).auths)).toEqual(['ghcr.io/org']);
    expect(await open().get('ghcr.io')).toBeUndefined();
    expect(await open().get('ghcr.io/org')).toEqual(ALICE);
  });

  test('replaces the file behind a link, and leaves the link', async () => {
    await home.write('elsewhere/real.json', '{}');
    await mkdir(home.at('.docker'));
    await symlink('../elsewhere/real.json', home.at('.docker/config.json'));
    await open().store('ghcr.io', ALICE);
    expect(await readlink(home.at('.docker/config.json'))).toBe('../elsewhere/real.json');
    expect((await lstat(home.at('elsewhere/real.json'))).isFile()).toBe(true);
    expect(await open().get('ghcr.io')).toEqual(ALICE);
  });

  test('makes the file that a dangling link points to', async () => {
    await mkdir(home.at('.docker'));
    await mkdir(home.at('elsewhere'));
    await symlink(home.at('elsewhere/real.json'), home.at('.docker/config.json'));
    await open().store('ghcr.io', ALICE);
    expect(Object.keys((await home.json('elsewhere/real.json')).auths)).toEqual(['ghcr.io']);
  });

  test('by twenty at once loses none of them', async () => {
    await home.write('.docker/config.json', { custom: true, auths: {} });
    await Promise.all(Array.from({ length: 20 }, (_, index) => open().store(`r${index}.example.com`, ALICE)));
    const config = await home.json();
    expect(Object.keys(config.auths)).toHaveLength(20);
    expect(config.custom).toBe(true);
  });

  test('overrules a helper that the file names for the server', async () => {
    await home.write('.docker/config.json', { credsStore: 'desktop', credHelpers: { 'ghcr.io': 'pass' } });
    await open().store('ghcr.io', ALICE);
    expect(await home.json()).toMatchObject({ credsStore: 'desktop', credHelpers: { 'ghcr.io': '' } });
  });

  test('never overwrites a file that cannot be understood', async () => {
    await home.write('.docker/config.json', '{"auths": {"ghcr.io"');
    const error = await hubErrorFrom(() => open().store('ghcr.io', ALICE));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(await home.text('.docker/config.json')).toBe('{"auths": {"ghcr.io"');
  });

  test('into an empty file works', async () => {
    await home.write('.docker/config.json', '');
    await open().store('ghcr.io', ALICE);
    expect(await open().get('ghcr.io')).toEqual(ALICE);
  });

  test('where it cannot be saved says so, without the secret', async () => {
    await home.write('.docker', 'a file in the way');
    const error = await hubErrorFrom(() => open().store('ghcr.io', ALICE));
    expect(error.code).toBe('STORAGE');
    expect(error.message).toMatch(/^cannot save credentials in ~\/\.docker\/config\.json: /);
    expect(JSON.stringify(error)).not.toContain(AUTH);
  });
});

test('what another program writes after the file was read is kept', async () => {
  await home.write('.docker/config.json', JSON.stringify({ auths: { other: { auth: AUTH } } }), 0o644);
  let left = 3;
  // The warning about the mode comes after reading and before writing.
  const warn = (): void => {
    left -= 1;
    if (left < 0) return;
    const config = JSON.parse(readFileSync(home.at('.docker/config.json'), 'utf8')) as object;
    writeFileSync(home.at('.docker/foreign'), JSON.stringify({ ...config, [`key${left}`]: left }), { mode: 0o644 });
    renameSync(home.at('.docker/foreign'), home.at('.docker/config.json'));
  };
  await open('.docker/config.json', { warn }).store('ghcr.io', ALICE);
  expect(await home.json()).toMatchObject({
    auths: { other: { auth: AUTH }, 'ghcr.io': { auth: AUTH } },
    key2: 2,
    key1: 1,
    key0: 0,
  });
});

describe('reading', () => {
  test('prefers the spelling of docker, then takes any', async () => {
    await home.write('.docker/config.json', {
      auths: {
        'https://ghcr.io/v2/': { auth: base64('old:x') },
        'ghcr.io': { auth: AUTH },
        'https://quay.io': { auth: AUTH },
      },
    });
    expect(await open().get('ghcr.io')).toEqual(ALICE);
    expect(await open().get('quay.io')).toEqual(ALICE);
  });

  test('passes over an entry without a secret', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': {}, 'https://ghcr.io': { auth: AUTH } } });
    expect(await open().get('ghcr.io')).toEqual(ALICE);
  });

  test('warns of secrets that others may read, and only of those', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': { auth: AUTH } } }, 0o644);
    await open().read();
    expect(home.warnings).toEqual([
      '~/.docker/config.json holds secrets and others may read it; run: chmod 600 ~/.docker/config.json',
    ]);
    await home.write('other.json', { auths: { 'ghcr.io': {} } }, 0o644);
    await open('other.json').read();
    await chmod(home.at('.docker/config.json'), 0o600);
    await open().read();
    expect(home.warnings).toHaveLength(1);
  });

  test('lists logins without secrets, and warns of what is no credential', async () => {
    await home.write('.docker/config.json', {
      auths: { 'ghcr.io': { auth: AUTH }, 'a.io': {}, 'b.io': { auth: '%' } },
    });
    expect(await open().list()).toEqual([{ server: 'ghcr.io', username: 'alice', email: undefined }]);
    expect(home.warnings[0]).toContain('"auth" of "b.io"');
  });

  test.runIf(process.geteuid?.() === 0)("as root does not follow another user's link", async () => {
    const { lchown } = await import('node:fs/promises');
    await home.write('real.json', '{}');
    await mkdir(home.at('.docker'));
    await symlink(home.at('real.json'), home.at('.docker/config.json'));
    await lchown(home.at('.docker/config.json'), 12_345, 12_345);
    expect((await hubErrorFrom(() => open().read())).code).toBe('REFUSED');
    expect((await hubErrorFrom(() => open().store('ghcr.io', ALICE))).code).toBe('REFUSED');
  });
});

describe('pointing to a helper', () => {
  test('leaves the placeholder of docker and removes the secret', async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': { auth: AUTH, email: 'a@b.c' } } });
    await open().pointTo('ghcr.io', 'hubctl');
    expect(await home.json()).toEqual({
      auths: { 'ghcr.io': { email: 'a@b.c' } },
      credHelpers: { 'ghcr.io': 'hubctl' },
    });
  });

  test('changes no setting that leads there already', async () => {
    await home.write('.docker/config.json', { credHelpers: { 'docker.io': 'pass' } });
    await open().pointTo('docker.io', 'pass');
    expect(await home.json()).toEqual({ credHelpers: { 'docker.io': 'pass' }, auths: { [HUB]: {} } });
  });

  test('is refused for a namespace, and by the old format', async () => {
    expect((await hubErrorFrom(() => open().pointTo('ghcr.io/org', 'x'))).code).toBe('USAGE');
    expect((await hubErrorFrom(() => open('.dockercfg').pointTo('ghcr.io', 'x'))).code).toBe('USAGE');
  });
});

describe('erasing', () => {
  test('takes every spelling and what hubctl set itself, and nothing else', async () => {
    await home.write('.docker/config.json', {
      auths: { 'ghcr.io': {}, 'https://ghcr.io/v1/': { auth: AUTH }, 'ghcr.io/org': { auth: AUTH }, 'quay.io': {} },
      credHelpers: { 'ghcr.io': 'hubctl', 'quay.io': 'hubctl' },
    });
    expect(await open().erase('ghcr.io')).toBe(true);
    expect(await home.json()).toEqual({
      auths: { 'ghcr.io/org': { auth: AUTH }, 'quay.io': {} },
      credHelpers: { 'quay.io': 'hubctl' },
    });
  });

  test("keeps the helpers of others' choice", async () => {
    await home.write('.docker/config.json', { auths: { 'ghcr.io': {} }, credHelpers: { 'ghcr.io': 'pass' } });
    expect(await open().erase('ghcr.io')).toBe(false);
    expect(await home.json()).toEqual({ auths: {}, credHelpers: { 'ghcr.io': 'pass' } });
  });
});

describe('the old format', () => {
  test('is a map without auths, with keys as they were typed and the mail address', async () => {
    const file = open('.dockercfg');
    await file.store('', ALICE, 'alice@example.com');
    await file.store('https://reg.example.com/v1/', ALICE, 'a@b.c');
    await file.store('localhost:5000', ALICE);
    expect(await home.text('.dockercfg')).toBe(
      `{\n\t"${HUB}": {\n\t\t"auth": "${AUTH}",\n\t\t"email": "alice@example.com"\n\t},\n` +
        `\t"https://reg.example.com/v1/": {\n\t\t"auth": "${AUTH}",\n\t\t"email": "a@b.c"\n\t},\n` +
        `\t"localhost:5000": {\n\t\t"auth": "${AUTH}"\n\t}\n}`,
    );
    expect(await home.mode('.dockercfg')).toBe(0o600);
    expect(await file.get('reg.example.com')).toEqual(ALICE);
  });

  test('keeps the key and the mail address that were there', async () => {
    await home.write('.dockercfg', { 'https://reg.example.com/v1/': { auth: base64('old:x'), email: 'a@b.c' } });
    await open('.dockercfg').store('reg.example.com', ALICE);
    expect(await home.json('.dockercfg')).toEqual({ 'https://reg.example.com/v1/': { auth: AUTH, email: 'a@b.c' } });
  });

  test('of two lines is read, and rewritten as JSON', async () => {
    await home.write('.dockercfg', `auth = ${AUTH}\nemail = a@b.c\n`);
    expect(await open('.dockercfg').get('docker.io')).toEqual(ALICE);
    await open('.dockercfg').store('localhost:5000', ALICE);
    expect(await home.json('.dockercfg')).toEqual({
      [HUB]: { auth: AUTH, email: 'a@b.c' },
      'localhost:5000': { auth: AUTH },
    });
  });

  test('is removed with its last entry', async () => {
    await home.write('.dockercfg', `auth = ${AUTH}\nemail = a@b.c\n`);
    expect(await open('.dockercfg').erase('docker.io')).toBe(true);
    expect(await open('.dockercfg').exists()).toBe(false);
  });
});
