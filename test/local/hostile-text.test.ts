// Does any text from outside act on the terminal, wherever it comes from?
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli, type CliResult } from '../helpers/cli.ts';
import { folder } from '../helpers/folder.ts';
import { CONTROLS, noBus, SEQUENCES, SOURCES, type Showing } from '../helpers/hostile-texts.ts';
import { HUBCTL } from '../helpers/hubctl.ts';
import { startLocalServer } from '../helpers/local-server.ts';
import { hasPty, onPty } from '../helpers/pty.ts';
import { isLong } from '../helpers/random.ts';
import { newStore, putImage } from '../helpers/stores.ts';
import { FakeClock } from '../helpers/web.ts';

const ALL = Object.values(SEQUENCES).join(' ');
/** No argument of a program can hold it. */
const NULL = '\0';

function onTerminal({ args, home, env }: Showing): Promise<CliResult> {
  // An answer that is not valid HTTP is asked for again, after waits.
  return runCli(args, { home, tty: true, env, network: { clock: new FakeClock() } });
}

/** The built command line in a process and on a terminal of its own. */
async function onRealTerminal({ args, home, env }: Showing): Promise<string> {
  const quoted = [process.execPath, HUBCTL, ...args.map((arg) => arg.replaceAll(NULL, ''))].map(
    (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  return onPty(quoted.join(' '), { env: { HOME: home, ...env } });
}

describe.each(Object.entries(SOURCES))('%s', (_, show) => {
  test.each(Object.entries(SEQUENCES))('may hold %s', async (name, text) => {
    const { stdout, stderr } = await onTerminal(await show(text));
    expect(stdout + stderr).not.toBe('');
    expect(CONTROLS.exec(stdout + stderr)?.[0]).toBeUndefined();
    // Words that look like a question of ours stand on no line of their own.
    if (name === 'a line feed') expect(stdout + stderr).not.toMatch(/^Password/m);
  });

  const texts: readonly (readonly [string, string])[] = isLong ? Object.entries(SEQUENCES) : [['all of them', ALL]];
  test.skipIf(!hasPty).each(texts)('may hold %s on a real terminal', async (_name, text) => {
    const seen = await onRealTerminal(await show(text));
    expect(seen).not.toBe('');
    // The terminal itself puts a carriage return before each line feed.
    expect(CONTROLS.exec(seen.replaceAll('\r\n', '\n'))?.[0]).toBeUndefined();
  });

  test.skipIf(!hasPty)('may hold all of them among colours of ours', async () => {
    const { args, home, env } = await show(ALL);
    const { NO_COLOR: _none, ...rest } = env;
    const seen = await onRealTerminal({ args, home, env: { ...rest, FORCE_COLOR: '1' } });
    expect(seen).not.toBe('');
    expect(Object.values(SEQUENCES).filter((text) => seen.includes(text))).toEqual([]);
  });
});

test('a list in a pipe has one line per item, whatever is in its names', async () => {
  const { host, stop } = await startLocalServer(() => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'app', tags: ['one\ntwo', 'three\r\nfour'] }),
  }));
  onTestFinished(stop);
  const home = folder();
  const { stdout } = await runCli(['tags', `${host}/app`], { home, env: noBus(home) });
  expect(stdout).toBe('one\\ntwo\nthree\\r\\nfour\n');
});

test('JSON stays valid and brings the text back as it was', async () => {
  const text = Object.values(SEQUENCES).join('');
  const store = await newStore();
  await putImage(store, 'app:1', { labels: { key: text } });
  const { stdout } = await runCli(['inspect', '--json', '--store', store.dir, 'app:1'], { home: folder(), tty: true });
  expect(CONTROLS.exec(stdout)?.[0]).toBeUndefined();
  expect(JSON.parse(stdout)).toMatchObject([{ Config: { Labels: { key: text } } }]);
});
