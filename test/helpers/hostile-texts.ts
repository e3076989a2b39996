// What do programs of bad intent write, and by which ways would it get to a terminal?
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { folder } from './folder.ts';
import { tarOf } from './images.ts';
import { startLocalServer, type Handler } from './local-server.ts';
import { dockerImage } from './archives.ts';
import { sampleImage } from './sample-image.ts';
import { newStore, putImage } from './stores.ts';
import { serveRaw } from './web.ts';
import { newWorkplace } from './workplace.ts';

const ESC = '\u001B';

/** What programs of bad intent write; each begins and ends with a letter, so that it can be told where it went. */
export const SEQUENCES: Readonly<Record<string, string>> = {
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

/** What may not reach a terminal: the lines that we end ourselves do end in a line feed. */
export const CONTROLS = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** No keychain of this machine is touched: its bus is somewhere else. */
export function noBus(home: string): Readonly<Record<string, string>> {
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(home, 'no-bus')}` };
}

/** A command line that shows the text. */
export interface Showing {
  readonly args: readonly string[];
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Without colours and progress: whatever control it writes is not ours. */
function showing(args: readonly string[], env: Readonly<Record<string, string>> = {}, home = folder()): Showing {
  return { args: [...args, '--no-progress'], home, env: { NO_COLOR: '1', ...noBus(home), ...env } };
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
export const SOURCES: Readonly<Record<string, (text: string) => Promise<Showing>>> = {
  'the names of tags': async (text) =>
    showing(['tags', `${await server(() => json({ name: 'app', tags: [text] }))}/app`]),
  'the names of repositories': async (text) => showing(['catalog', await server(() => json({ repositories: [text] }))]),
  'an error of a registry': async (text) => {
    const host = await server(({ url }) =>
      url.pathname === '/v2/' ? json({}) : json({ errors: [{ code: 'DENIED', message: text, detail: text }] }, 403),
    );
    return showing(['pull', `${host}/app:1`]);
  },
  'a warning of a registry': async (text) => {
    const body = '{"name":"app","tags":["1"]}';
    const headers = `Warning: 299 - "${text}"\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    const { port } = await serveRaw((socket) => {
      socket.once('data', () =>
        socket.end(Buffer.from(`HTTP/1.1 200 OK\r\n${headers}\r\nConnection: close\r\n\r\n${body}`)),
      );
    });
    return showing(['tags', `127.0.0.1:${port}/app`, '--timeout', '10s']);
  },
  'the history of an image': async (text) => {
    const { hubctl, publish, dir } = await newWorkplace();
    const name = publish('app:1', sampleImage({ layers: ['x'], history: [{ created_by: text, comment: text }] }));
    await hubctl(['pull', '-q', name]);
    return showing(['history', '--store', join(dir, 'store'), name, '--no-trunc']);
  },
  'the labels of an image': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { labels: { [text]: text } });
    return showing(['inspect', '--store', store.dir, 'app:1']);
  },
  'a label in a template': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { labels: { key: text } });
    return showing(['inspect', '--store', store.dir, 'app:1', '-f', '{{.Config.Labels.key}}']);
  },
  'the platforms of an image': async (text) => {
    const store = await newStore();
    await putImage(store, 'app:1', { platform: { os: 'linux', architecture: text } });
    return showing(['images', '--tree', '--store', store.dir]);
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
    return showing(['load', '-i', join(dir, 'x.tar'), '--store', join(dir, 'store')]);
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
    return showing(['doctor', 'localhost:1/app'], { PATH: `${join(home, 'bin')}:/usr/bin:/bin` }, home);
  },
  'what somebody typed': async (text) => showing(['inspect', text, '--store', join(folder(), 'store')]),
};
