// What does the bench conclude from its figures, and are its images the same everywhere?
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { makeImage } from '../scripts/bench/images.js';
import { cpuOf } from '../scripts/bench/measure.js';
import { between, compare, merge, newReport, serversOf } from '../scripts/bench/report.js';
import { nameOf, ROWS } from '../scripts/bench/rows.js';
import { median, type Measured } from '../scripts/bench/run.js';
import { FLOORS } from '../scripts/bench/tools.js';
import { newServed } from './helpers/served.ts';

const LEAST = fileURLToPath(new URL('../scripts/bench/least.cjs', import.meta.url));
const execute = promisify(execFile);

const row: Measured = {
  work: 'pull',
  link: 'wan',
  image: 'wide',
  target: { wall: 0.4, requests: (blobs) => blobs + 2 },
  rounds: 5,
  blobs: 121,
  results: [
    { tool: 'hubctl', wall: 0.5, cpu: 0.2, requests: 122 },
    { tool: 'crane', wall: 2, cpu: 0.1 },
    { tool: 'oras', wall: 1, cpu: 0.4 },
    { tool: 'skopeo', failure: 'status 1' },
  ],
};

describe('a comparison', () => {
  test('is with the peer that was fastest, and says which target is missed', () => {
    expect(compare(row)).toEqual({ wall: 0.5, of: 'oras', cpu: 2, verdict: 'above: wall 0.4' });
  });

  test('is met when every figure is at its target or below', () => {
    const results = [{ tool: 'hubctl', wall: 0.4, cpu: 0.2, requests: 123 }, ...row.results.slice(1)];
    expect(compare({ ...row, results }).verdict).toBe('met');
  });

  test('with what is no client is a yardstick and no target', () => {
    const yardsticks = [
      { tool: FLOORS.tools, wall: 0.25, cpu: 0.1 },
      { tool: FLOORS.least, wall: 0.4, cpu: 0.1 },
    ];
    const compared = compare({ ...row, results: [...row.results, ...yardsticks] });
    expect(compared).toEqual({ ...compare(row), tools: 2, least: 1.25 });
  });

  test('says that hubctl failed, rather than nothing', () => {
    expect(compare({ ...row, results: [{ tool: 'hubctl', failure: 'status 6' }] }).verdict).toBe('failed');
  });
});

describe('a median', () => {
  test('is the one in the middle, or the mean of the two there', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });
});

describe('the servers', () => {
  test('keep the processors busy together with hubctl', () => {
    const wall = 1 / availableParallelism();
    expect(serversOf({ tool: 'hubctl', wall, cpu: 0.25, servers: 0.5 })).toBe('0.50 (75 %)');
    expect(serversOf({ tool: 'hubctl', wall, cpu: 0.25 })).toBe('');
  });

  test('cost nothing that could be told when there are none, or one has ended', () => {
    expect([cpuOf([]), cpuOf([0x7fffffff])]).toEqual([undefined, undefined]);
  });

  test.runIf(process.platform === 'linux')('cost what the kernel says of their processes', () => {
    const once = cpuOf([process.pid]) ?? NaN;
    expect(once).toBeGreaterThan(0);
    expect(cpuOf([process.pid, process.pid]) ?? NaN).toBeGreaterThanOrEqual(2 * once);
  });
});

describe('a report', () => {
  test('has later figures in the place of earlier ones, in the order of the rows', () => {
    const earlier = { ...newReport([], [], 'registry'), rows: [row, { ...row, image: 'tiny' }] };
    const merged = merge(earlier, { ...earlier, rows: [{ ...row, rounds: 3 }] });
    expect(merged.rows.map(({ image, rounds }) => [image, rounds])).toEqual([
      ['tiny', 5],
      ['wide', 3],
    ]);
  });

  test('that was read from JSON has the targets for requests again', () => {
    const pushed: Measured = {
      ...row,
      work: 're-push',
      link: 'wan',
      results: [{ tool: 'hubctl', wall: 1, cpu: 1, requests: 2 }],
    };
    const report = { ...newReport([], [], 'registry'), rows: [pushed] };
    const read = JSON.parse(JSON.stringify(report)) as typeof report;
    const [again] = merge(read, { ...report, rows: [] }).rows;
    expect(again && compare(again).verdict).toBe('above: requests 1');
  });

  test('replaces what is between its marks and nothing else', () => {
    const document = 'a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n';
    expect(between(document, 'x', 'new')).toBe('a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n');
    expect(() => between(document, 'y', 'new')).toThrow('no marks for y');
  });
});

describe('the rows', () => {
  test('have names of their own', () => {
    expect(new Set(ROWS.map(nameOf)).size).toBe(ROWS.length);
  });
});

describe('the least program', () => {
  test('pushes an image, sees that it is there, and pulls the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hubctl-bench-test-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const layout = join(folder, 'layout');
    const image = await makeImage('least', { layers: 6, layerSize: 700_000 }, layout);
    const { host } = await newServed();
    await execute(process.execPath, [LEAST, 'push', host, 'app', layout]);
    await execute(process.execPath, [LEAST, 'digest', host, 'app', layout]);
    await expect(execute(process.execPath, [LEAST, 'digest', host, 'other', layout])).rejects.toThrow('404');
    await execute(process.execPath, [LEAST, 'pull', host, 'app', join(folder, 'out')]);
    const digests = image.blobs.map(({ digest }) => digest.replace('sha256:', ''));
    expect((await readdir(join(folder, 'out'))).toSorted()).toEqual(digests.toSorted());
  });
});

describe('an image', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubctl-bench-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is the same bytes for the same name', async () => {
    const shape = { layers: 2, layerSize: 1000 };
    const one = await makeImage('one', shape, join(folder, '1'));
    const same = await makeImage('one', shape, join(folder, '2'));
    const other = await makeImage('other', shape, join(folder, '3'));
    expect(same.manifest).toEqual(one.manifest);
    expect(other.manifest.digest).not.toBe(one.manifest.digest);
  });
});
