// How fast is hubctl beside the other clients, at the same work on the same registry? `npm run bench -- --help` tells how.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './bundle.js';
import { Ground } from './bench/ground.js';
import { grow, growthTable, STEPS } from './bench/growth.js';
import { between, markdownOf, merge, newReport, textHead, textOf } from './bench/report.js';
import { nameOf, ROWS } from './bench/rows.js';
import { runRow } from './bench/run.js';
import { smoke } from './bench/smoke.js';
import { findTools } from './bench/tools.js';

const USAGE = `npm run bench -- [OPTIONS]          measure, beside whatever peers are on this machine
npm run bench -- growth [OPTIONS]   measure how cost grows with layers and bytes
npm run bench -- --smoke            count requests only; status 1 when a count is wrong

  --only TEXT     rows whose name holds this, such as 'wan pull' or wide; may be repeated
  --rounds N      measured rounds, 5 by default; at most 3 for the largest image
  --json          print all figures as JSON
  --markdown      print the table of docs/benchmarks.md
  --write         put the table into docs/benchmarks.md
  --from FILE     begin with the figures of an earlier --json; may be repeated
  --work DIR      where images and registries live: 8 GB, 14 GB for growth; else in memory where there is room
  --registry NAME registry, docker-registry or hubctl, instead of the first of them that is here
  --list          names of the rows`;

const DOCUMENT = join(ROOT, 'docs/benchmarks.md');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    from: { type: 'string', multiple: true, default: [] },
    work: { type: 'string' },
    registry: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
/** @type {readonly string[]} */
const only = values.only;
const rounds = Number(values.rounds);

/** Progress is for people; results alone go to stdout where a program reads them. @param {string} line */
const tell = (line) => (values.json || values.markdown ? console.error(line) : console.log(line));

/** @param {string} name */
const isWanted = (name) => only.length === 0 || only.some((text) => name.includes(text));

/**
 * @param {Ground} ground
 * @returns {Promise<boolean>}
 */
async function checkCounts(ground) {
  const { tools } = await findTools();
  const wrong = await smoke(ground, tools.slice(0, 1));
  for (const line of wrong) console.error(line);
  console.log(wrong.length === 0 ? 'requests: as expected' : `requests: ${wrong.length} not as expected`);
  return wrong.length === 0;
}

/** @param {Ground} ground */
async function showGrowth(ground) {
  const { tools } = await findTools();
  const steps = STEPS.filter(({ name }) => isWanted(name));
  const onStep = (/** @type {{ name: string }} */ { name }) => console.error(name);
  const all = await grow(ground, tools.slice(0, 1), { rounds, steps, onStep });
  if (values.json) console.log(JSON.stringify(all, null, 2));
  else console.log(growthTable(all));
  if (values.write) await write('growth', growthTable(all));
}

/** @param {Ground} ground */
async function comparePeers(ground) {
  const { tools, skipped } = await findTools();
  for (const name of skipped) tell(`skipped: ${name} is not on this machine`);
  let report = newReport(tools, skipped, ground.registry.name);
  for (const file of values.from) report = merge(JSON.parse(await readFile(file, 'utf8')), report);
  const rows = values.from.length > 0 && only.length === 0 ? [] : ROWS.filter((row) => isWanted(nameOf(row)));
  tell(textHead());
  for (const row of rows) {
    const measured = await runRow(ground, row, { tools, rounds });
    for (const line of textOf(measured)) tell(line);
    report = merge(report, { ...report, rows: [measured] });
  }
  if (values.json) console.log(JSON.stringify(report, null, 2));
  if (values.markdown) console.log(markdownOf(report));
  if (values.write) await write('figures', markdownOf(report));
}

/** @param {string} mark @param {string} table */
async function write(mark, table) {
  await writeFile(DOCUMENT, between(await readFile(DOCUMENT, 'utf8'), mark, table));
}

async function main() {
  if (values.help) return console.log(USAGE);
  if (values.list) return console.log(ROWS.map(nameOf).join('\n'));
  const ground = await Ground.make(values);
  if (ground === undefined) return console.log('skipped: there is no registry on this machine to measure against');
  for (const [signal, status] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])) {
    process.once(signal, () => void ground.close().finally(() => process.exit(status)));
  }
  try {
    if (values.smoke) process.exitCode = (await checkCounts(ground)) ? 0 : 1;
    else if (positionals[0] === 'growth') await showGrowth(ground);
    else await comparePeers(ground);
  } finally {
    await ground.close();
  }
}

await main();
