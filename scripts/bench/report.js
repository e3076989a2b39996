// What do the figures say? Tables for a terminal and for docs/benchmarks.md, with ratios and whether the targets are met.
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { nameOf, PEERS, ROWS } from './rows.js';
import { FLOORS } from './tools.js';

/**
 * @typedef {import('./run.js').Measured} Measured
 * @typedef {import('./run.js').Result} Result
 * @typedef {{ date: string, machine: string, node: string, versions: Record<string, string>, skipped: string[], rows: Measured[] }} Report
 * @typedef {{ wall?: number, of?: string, cpu?: number, tools?: number, least?: number, verdict: string }} Comparison
 */

/**
 * @param {readonly import('./tools.js').Tool[]} tools
 * @param {readonly string[]} skipped
 * @param {string} registry
 * @returns {Report}
 */
export function newReport(tools, skipped, registry) {
  const [cpu] = cpus();
  const machine = `${cpus().length} x ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`;
  const versions = Object.fromEntries(tools.map(({ name, version }) => [name, version]));
  const date = new Date().toISOString().slice(0, 10);
  return { date, machine, node: process.version, versions: { ...versions, registry }, skipped: [...skipped], rows: [] };
}

/**
 * Rows of `later` take the place of the same rows. What is read from JSON has lost those targets that are functions.
 *
 * @param {Report} earlier @param {Report} later @returns {Report}
 */
export function merge(earlier, later) {
  const targets = new Map(ROWS.map((row) => [nameOf(row), row.target]));
  const all = [...earlier.rows, ...later.rows].map((row) => ({
    ...row,
    target: targets.get(nameOf(row)) ?? row.target,
  }));
  const rows = new Map(all.map((row) => [nameOf(row), row]));
  const order = [...targets.keys()];
  const sorted = [...rows.entries()].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return { ...later, rows: sorted.map(([, row]) => row) };
}

/** @param {Measured} row @returns {Comparison} */
export function compare({ results, target, blobs, work }) {
  const own = results.find(({ tool }) => tool === 'hubctl');
  if (own?.wall === undefined || own.cpu === undefined) return { verdict: own?.failure === undefined ? '' : 'failed' };
  const [start, tools, least] = [FLOORS.start, FLOORS.tools, FLOORS.least].map((name) => {
    return results.find(({ tool }) => tool === name)?.wall;
  });
  const isStart = work === 'version' || work === 'help';
  const peers = results.filter(({ tool, wall }) => tool !== 'hubctl' && wall !== undefined && !tool.startsWith('('));
  const judged = peers.filter(({ tool }) => PEERS.includes(tool));
  const best = judged.toSorted((a, b) => (a.wall ?? 0) - (b.wall ?? 0))[0];
  const reference = isStart ? start : best?.wall;
  const cpus = judged.flatMap((peer) => peer.cpu ?? []);
  const comparison = {
    ...(reference !== undefined && { wall: own.wall / reference, of: isStart ? 'node -e 0' : (best?.tool ?? '') }),
    ...(cpus.length > 0 && { cpu: own.cpu / Math.max(Math.min(...cpus), 0.001) }),
    ...(tools !== undefined && { tools: own.wall / tools }),
    ...(least !== undefined && { least: own.wall / least }),
  };
  const misses = [
    isAbove(comparison.wall, target.wall) && `wall ${target.wall}`,
    isAbove(comparison.cpu, target.cpu) && `cpu ${target.cpu}`,
    isAbove(own.memory, target.memory === undefined ? undefined : target.memory * 1e6) && `memory ${target.memory} MB`,
    isAbove(own.requests, target.requests?.(blobs)) && `requests ${target.requests?.(blobs)}`,
    work === 'second command' && isAbove(own.byKind?.['token'], 0) && 'tokens 0',
  ].filter((miss) => miss !== false);
  const hasTarget = Object.keys(target).length > 0;
  const met = hasTarget ? 'met' : '';
  return { ...comparison, verdict: misses.length > 0 ? `above: ${misses.join(', ')}` : met };
}

/** @param {number | undefined} value @param {number | undefined} limit */
function isAbove(value, limit) {
  return value !== undefined && limit !== undefined && value > limit;
}

const HEAD = [
  'work',
  'program',
  'wall s',
  'fastest',
  'cpu s',
  'servers',
  'memory MB',
  'requests',
  'connections',
  'note',
];

/** Lines for a terminal. @param {Measured} row @returns {string[]} */
export function textOf(row) {
  return cellsOf(row).map((cells) =>
    cells
      .map((cell, index) => pad(cell, index))
      .join(' ')
      .trimEnd(),
  );
}

/** @returns {string} */
export function textHead() {
  return HEAD.map((cell, index) => pad(cell, index)).join(' ');
}

/** @param {string} text @param {number} index of the column */
function pad(text, index) {
  const width = [32, 16, 8, 8, 8, 8, 9, 8, 11, 0][index] ?? 0;
  return index < 2 || index === 9 ? text.padEnd(width) : text.padStart(width);
}

/** @param {Measured} row */
function cellsOf(row) {
  return row.results.map((result) => {
    const start = [nameOf(row), result.tool];
    if (result.failure !== undefined) return [...start, '', '', '', '', '', '', '', `failed: ${result.failure}`];
    const { wall, fastest, cpu, servers, memory, requests, connections } = result;
    const seconds = [wall, fastest, cpu].map((value) => (value ?? 0).toFixed(3));
    const megabytes = memory === undefined ? '' : (memory / 1e6).toFixed(0);
    const note = result.tool === 'hubctl' ? noteOf(compare(row)) : '';
    return [
      ...start,
      ...seconds,
      servers?.toFixed(2) ?? '',
      megabytes,
      String(requests ?? ''),
      String(connections ?? ''),
      note,
    ];
  });
}

/** @param {Comparison} comparison */
function noteOf({ wall, of, cpu, tools, least, verdict }) {
  return [
    wall === undefined ? '' : `wall ${wall.toFixed(2)}x ${of}`,
    cpu === undefined ? '' : `cpu ${cpu.toFixed(1)}x`,
    tools === undefined ? '' : `${tools.toFixed(2)}x curl + openssl`,
    least === undefined ? '' : `${least.toFixed(2)}x the least node`,
    verdict,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** The part of docs/benchmarks.md that is made from figures. @param {Report} report */
export function markdownOf(report) {
  const { date, machine, node, versions, skipped, rows } = report;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const peers = ['crane', 'skopeo', 'oras', 'regctl'].filter((name) => versions[name] !== undefined);
  const columns = ['work', 'rounds', 'hubctl', ...peers, 'ratio', 'CPU', 'servers', 'memory', 'requests', 'target'];
  const lines = [
    `${date}, ${machine}, Node.js ${node}.`,
    `${programs.join(', ')}.${skipped.length > 0 ? ` Not on this machine: ${skipped.join(', ')}.` : ''}`,
    '',
    `| ${columns.join(' | ')} |`,
    `|${columns.map((column) => (column === 'work' || column === 'target' ? ' --- |' : ' ---: |')).join('')}`,
    ...rows.map((row) => `| ${markdownCells(row, peers).join(' | ')} |`),
  ];
  return lines.join('\n');
}

/** @param {Measured} row @param {readonly string[]} peers */
function markdownCells(row, peers) {
  const of = (/** @type {string} */ name) => row.results.find(({ tool }) => tool === name);
  const wall = (/** @type {Result | undefined} */ result) =>
    result?.failure === undefined ? (result?.wall?.toFixed(3) ?? '') : 'failed';
  const own = of('hubctl');
  const { wall: ratio, of: best, cpu, tools, least, verdict } = compare(row);
  const ratios = [
    ratio === undefined ? '' : `${ratio.toFixed(2)} ${best}`,
    tools === undefined ? '' : `${tools.toFixed(2)} curl + openssl`,
    least === undefined ? '' : `${least.toFixed(2)} least`,
  ];
  const requests = own?.requests === undefined ? '' : `${own.requests} on ${own.connections}`;
  return [
    nameOf(row),
    String(row.rounds),
    wall(own),
    ...peers.map((name) => wall(of(name))),
    ratios.filter((text) => text !== '').join(', '),
    `${own?.cpu?.toFixed(3) ?? ''}${cpu === undefined ? '' : ` (${cpu.toFixed(1)}x)`}`,
    serversOf(own),
    own?.memory === undefined ? '' : `${(own.memory / 1e6).toFixed(0)} MB`,
    requests,
    verdict,
  ];
}

/**
 * `0.31 (98 %)`: seconds of CPU of registry and line, and how busy they and hubctl kept all processors.
 *
 * @param {Result | undefined} result
 */
export function serversOf({ servers, cpu, wall } = { tool: '' }) {
  if (servers === undefined || cpu === undefined || wall === undefined) return '';
  return `${servers.toFixed(2)} (${((100 * (servers + cpu)) / (wall * availableParallelism())).toFixed(0)} %)`;
}

/**
 * Puts text between the two marks of a document.
 *
 * @param {string} document
 * @param {string} mark
 * @param {string} text
 */
export function between(document, mark, text) {
  const [begin, end] = [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the document has no marks for ${mark}`);
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}
