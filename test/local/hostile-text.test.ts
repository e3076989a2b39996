// Does any text from outside act on the terminal, wherever it comes from?
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { folder } from '../helpers/folder.ts';
import { tarOf } from '../helpers/images.ts';
import { startLocalServer, type Handler } from '../helpers/local-server.ts';
import { dockerImage } from '../helpers/archives.ts';
import { sampleImage } from '../helpers/sample-image.ts';
import { newStore, putImage } from '../helpers/stores.ts';
import { FakeClock, serveRaw } from '../helpers/web.ts';
import { newWorkplace } from '../helpers/workplace.ts';

const ESC = '\u001B';

/** What programs of bad intent write; each begins and ends with a letter, so that it can be told where it went. */
const SEQUENCES: Readonly<Record<string, string>> = {
  'a colour': `a${ESC}[31mz`,
  'the clipboard (OSC 52)': `a${ESC}]52;c;aGVsbG8=\u0007z`,
  'a link (OSC 8)': `a${ESC}]8;;http://evil/\u0007z${ESC}]8;;\u0007z`,
  'the title (OSC 0)': `a${ESC}]0;title${ESC}\\z`,
  'a question to the terminal (DECRQSS)': `a${ESC}P$qm${ESC}\\z`,
  'a reset': `a${ESC}cz`,
  'an 8-bit CSI': 'a\u009B31mz',
  'an 8-bit OSC': 'a\u009D0;title\u009Cz',
  'a bell and backspaces': 'a\u0007\b\b\bz',
  'a carriage return': 'a\rz',
  'a line feed': 'a\nPassword: z',
  'a bidirectional override': 'a\u202Etxt.exe\u202Cz',
  'a delete character': 'a\u007Fz',
  'a null byte': 'a\0z',
};

const CONTROLS = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

function noBus(home: string): Readonly<Record<string, string>> {
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
}

/** A run on a terminal without colours and progress: whatever control it writes is not ours. */
function onTerminal(args: readonly string[]): Promise<CliResult> {
  const home = folder();
  // An answer that is not valid HTTP is asked for again, after waits.
  const network = { clock: new FakeClock() };
  return runCli([...args, '--no-progress'], { home, network, tty: true, env: { NO_COLOR: '1', ...noBus(home) } });
}

async function server(handler: Handler): Promise<string> {
  const { host, stop } = await startLocalServer(handler);
  onTestFinished(stop);
  return host;
}

const json = (value: unknown, status = 200): ReturnType<Handler> => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

/** How a text gets to the terminal. */
const SOURCES: Readonly<Record<string, (text: string) => Promise<CliResult>>> = {
  'the names of tags': async (text) =>
    onTerminal(['tags', `${await server(() => json({ name: 'app', tags: [text] }))}/app`]),
  'the names of repositories': async (text) =>
    onTerminal(['catalog', await server(() => json({ repositories: [text] }))]),
  'an error of a registry': async (text) => {
    const host = await server(({ url }) =>
      url.pathname === '/v2/' ? json({}) : json({ errors: [{ code: 'DENIED', message: text, detail: text }] }, 403),
    );
    return onTerminal(['pull', `${host}/app:1`]);
  },
  'a warning of a registry': async (text) => {
    const body = '{"name":"app","tags":["1"]}';
    const headers = `Warning: 299 - "${text}"\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const { port } = await serveRaw((socket) => {
      socket.once('data', () =>
        socket.end(Buffer.from(`HTTP/1.1 200 OK\r\n${headers}\r\nConnection: close\r\n\r\n${body}`)),
      );
    });
    return onTerminal(['tags', `127.0.0.1:${port}/app`, '--timeout', '10s']);
  },
  'the history of an image': async (text) => {
    const { hubctl, publish } = await newWorkplace();
    const name = publish('app:1', sampleImage({ layers: ['x'], history: [{ created_by: text, comment: text }] }));
    await hubctl(['pull', '-q', name]);
    return hubctl(['history', name, '--no-trunc'], { tty: true, env: { NO_COLOR: '1' } });
  },
  'the labels of an image': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { labels: { [text]: text } });
    return onTerminal(['inspect', '--store', store.dir, 'app:1']);
  },
  'a label in a template': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { labels: { key: text } });
    return onTerminal(['inspect', '--store', store.dir, 'app:1', '-f', '{{.Config.Labels.key}}']);
  },
  'the platforms of an image': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { platform: { os: 'linux', architecture: text } });
    return onTerminal(['images', '--tree', '--store', store.dir]);
  },
  'the names in an archive': async (text) => {
    const dir = folder();
    const { config, layers } = dockerImage();
    const manifest = [{ Config: 'c.json', RepoTags: [text], Layers: layers.map((_, at) => `${at}.tar`) }];
    const files = [
      ['c.json', config] as const,
      ...layers.map((layer, at) => [`${at}.tar`, layer] as const),
      ['manifest.json', JSON.stringify(manifest)] as const,
    ];
    writeFileSync(join(dir, 'x.tar'), tarOf(files));
    return onTerminal(['load', '-i', join(dir, 'x.tar'), '--store', join(dir, 'store')]);
  },
  'what a credential helper says': async (text) => {
    const home = folder();
    mkdirSync(join(home, 'bin'), { mode: 0o755 });
    mkdirSync(join(home, '.docker'), { mode: 0o700 });
    const helper = join(home, 'bin', 'docker-credential-evil');
    writeFileSync(join(home, 'said'), text);
    writeFileSync(helper, `#!/bin/sh\ncat >/dev/null; cat ${join(home, 'said')}; exit 1\n`);
    chmodSync(helper, 0o755);
    writeFileSync(join(home, '.docker', 'config.json'), '{"credsStore":"evil"}', { mode: 0o600 });
    const env = { NO_COLOR: '1', PATH: `${join(home, 'bin')}:/usr/bin:/bin`, ...noBus(home) };
    return runCli(['doctor', 'localhost:1/app'], { home, tty: true, env });
  },
  'what somebody typed': (text) => onTerminal(['inspect', text, '--store', join(folder(), 'store')]),
};

describe.each(Object.entries(SOURCES))('%s', (_, show) => {
  test.each(Object.entries(SEQUENCES))('may hold %s', async (name, text) => {
    const { stdout, stderr } = await show(text);
    expect(stdout + stderr).not.toBe('');
    expect(CONTROLS.exec(stdout + stderr)?.[0]).toBeUndefined();
    // Words that look like a question of ours stand on no line of their own.
    if (name === 'a line feed') expect(stdout + stderr).not.toMatch(/^Password/m);
  });
});

test('a list in a pipe has one line per item, whatever is in its names', async () => {
  const host = await server(() => json({ name: 'app', tags: ['one\ntwo', 'three\r\nfour'] }));
  const home = folder();
  const { stdout } = await runCli(['tags', `${host}/app`], { home, env: noBus(home) });
  expect(stdout).toBe('one\\ntwo\nthree\\r\\nfour\n');
});

test('JSON stays valid and brings the text back as it was', async () => {
  const text = Object.values(SEQUENCES).join('');
  const store = await newStore();
  await putImage(store, 'app:1', { labels: { key: text } });
  const { stdout } = await onTerminal(['inspect', '--json', '--store', store.dir, 'app:1']);
  expect(CONTROLS.exec(stdout)?.[0]).toBeUndefined();
  expect(JSON.parse(stdout)).toMatchObject([{ Config: { Labels: { key: text } } }]);
});
