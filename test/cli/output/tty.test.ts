import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ttyView } from '../../../src/cli/output/tty.ts';
import type { TransferView } from '../../../src/cli/output/output.ts';
import { plainStyle } from '../../../src/cli/output/style.ts';
import { displayWidth } from '../../../src/cli/output/width.ts';
import { FakeOutput, screenOf } from '../../helpers/terminal.ts';
import { finished, idOf, layer, progress, queued, retrying, started } from '../../helpers/transfers.ts';

const A = layer('a', 1_200_000);
const B = layer('b', 4_000_000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Drawn {
  readonly view: TransferView;
  readonly terminal: FakeOutput;
  readonly warnings: readonly string[];
  readonly screen: () => readonly string[];
}

function draw(options: { columns?: number; rows?: number; label?: (digest: string) => string } = {}): Drawn {
  const terminal = new FakeOutput({ tty: true, columns: 120, ...options });
  const warnings: string[] = [];
  const view = ttyView({
    direction: 'pull',
    label: options.label,
    stream: terminal,
    color: false,
    loadStyle: async () => plainStyle,
    now: () => performance.now(),
    write: (line) => terminal.write(`${line}\n`),
    warn: (text) => warnings.push(text),
  });
  return { view, terminal, warnings, screen: () => screenOf(terminal.text) };
}

/** Lets time pass, and what is loaded on the way arrive. */
async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await vi.dynamicImportSettled();
  await vi.advanceTimersByTimeAsync(0);
}

/** Long enough for the picture to be on the screen. */
async function appear(): Promise<void> {
  await pass(160);
  await pass(110);
}

test('what is over at once is never drawn', async () => {
  const { view, terminal } = draw();
  view.onEvent(queued(A));
  view.onEvent(finished(A, 'exists'));
  view.finish();
  await appear();
  expect(terminal.text).toBe(`${idOf(A)}: Already exists\ndownloaded 0 of 1 layer; reused 1 layer, 1.2MB\n`);
});

test('layers have a line each with bar, bytes, rate and time left, and the whole has the last line', async () => {
  const { view, screen } = draw();
  view.onEvent(queued(A));
  view.onEvent(queued(B));
  view.onEvent(started(B));
  await pass(160);
  await pass(840);
  view.onEvent(progress(B, 1_000_000));
  await pass(100);
  const [moving, waiting, total] = screen();
  expect(moving).toBe(`${idOf(B)}: Downloading [${'='.repeat(12)}>${' '.repeat(37)}]  1MB/4MB  943kB/s  3s`);
  expect(waiting).toBe(`${idOf(A)}: Pulling fs layer`);
  expect(total).toMatch(/^ .  0\/2 layers {2}19% {2}1MB\/5\.2MB {2}943kB\/s {2}4s left$/);
  view.finish();
});

test('a finished layer scrolls up as a line that stays', async () => {
  const { view, screen } = draw();
  view.onEvent(queued(A));
  view.onEvent(queued(B));
  view.onEvent(started(A));
  await appear();
  view.onEvent(finished(A));
  await pass(100);
  expect(screen()[0]).toBe(`${idOf(A)}: Pull complete`);
  expect(screen()[1]).toBe(`${idOf(B)}: Pulling fs layer`);
  view.onEvent(finished(B, 'exists'));
  view.finish();
  expect(screen()).toEqual([
    `${idOf(A)}: Pull complete`,
    `${idOf(B)}: Already exists`,
    'downloaded 1 of 2 layers, 1.2MB; reused 1 layer, 4MB',
    '',
  ]);
});

test('lines are cut to the width of the terminal', async () => {
  const { view, screen } = draw({ columns: 40, label: () => '中'.repeat(30) });
  view.onEvent(queued(B));
  view.onEvent(started(B));
  view.onEvent(progress(B, 2_000_000));
  await appear();
  for (const line of screen()) expect(displayWidth(line)).toBeLessThan(40);
  view.finish();
});

test('more layers than rows are counted, moving ones come first', async () => {
  const { view, screen } = draw({ rows: 8 });
  const layers = Array.from({ length: 20 }, (_value, index) => layer(`layer ${index}`));
  for (const descriptor of layers) view.onEvent(queued(descriptor));
  view.onEvent(started(layers[15]!));
  await appear();
  const lines = screen();
  expect(lines).toHaveLength(6);
  expect(lines[0]).toContain(idOf(layers[15]!));
  expect(lines[4]).toBe('... and 16 more');
  view.finish();
});

test('a terminal that becomes narrower gets narrower lines', async () => {
  const { view, terminal, screen } = draw();
  view.onEvent(queued(B));
  view.onEvent(started(B));
  await appear();
  terminal.resize(50);
  await pass(110);
  expect(terminal.text).toContain('\u001B[1A\u001B[2K\r');
  for (const line of screen()) expect(line.length).toBeLessThan(50);
  view.finish();
});

test('finish takes the picture away and shows how far an unfinished layer got', async () => {
  const { view, terminal, screen } = draw();
  view.onEvent(queued(A));
  view.onEvent(queued(B));
  view.onEvent(started(B));
  view.onEvent(progress(B, 2_000_000));
  await appear();
  view.finish();
  const length = terminal.text.length;
  await pass(1000);
  view.finish();
  view.onEvent(finished(B));
  expect(terminal.text).toHaveLength(length);
  expect(screen()).toEqual([`${idOf(B)}: Downloading 2MB/4MB`, 'downloaded 0 of 2 layers', '']);
});

test('the cursor is never hidden, so it never has to come back', async () => {
  const { view, terminal } = draw();
  view.onEvent(queued(A));
  await appear();
  view.finish();
  expect(terminal.text).not.toContain('\u001B[?25l');
});

describe('what is no layer', () => {
  test('is shown when it takes long', async () => {
    const { view, screen } = draw();
    view.onEvent(queued(A, 'config'));
    view.onEvent(started(A));
    await appear();
    expect(screen().join()).not.toContain(idOf(A));
    await pass(1000);
    expect(screen()[0]).toContain(`${idOf(A)}: Downloading`);
    view.finish();
  });

  test('warnings and retries of requests are lines', () => {
    const { view, screen, warnings } = draw();
    view.onEvent({ type: 'warning', message: 'careful' });
    view.onEvent(retrying('https://r.example/token'));
    view.finish();
    expect(warnings).toEqual(['careful']);
    expect(screen()[0]).toBe('Retrying in 5 seconds: connection reset');
  });
});

test('a retry is told on the line of its layer', async () => {
  const { view, screen } = draw();
  view.onEvent(queued(B));
  view.onEvent(started(B));
  view.onEvent(retrying(`https://r.example/v2/app/blobs/${B.digest}`));
  await appear();
  expect(screen()[0]).toBe(`${idOf(B)}: Retrying in 5 seconds`);
  view.finish();
});
