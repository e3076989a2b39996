// How is one row measured? All programs in turn, round after round, so that a slow moment hits all of them.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from './measure.js';
import { floorsOf } from './tools.js';

/**
 * @typedef {import('./ground.js').Ground} Ground
 * @typedef {import('./rows.js').Row} Row
 * @typedef {import('./tools.js').Tool} Tool
 * @typedef {import('./link.js').Counts} Counts
 * @typedef {import('./measure.js').Cost} Cost
 *
 * @typedef {object} Result of one program on one row; medians
 * @property {string} tool
 * @property {string} [failure]
 * @property {number} [wall] seconds
 * @property {number} [fastest] seconds
 * @property {number} [cpu] seconds
 * @property {number} [servers] seconds of CPU of registry and line meanwhile
 * @property {number} [memory] bytes
 * @property {number} [requests] where the line shows them
 * @property {number} [connections]
 * @property {Record<string, number>} [byKind] requests by what they are for
 *
 * @typedef {Row & { rounds: number, blobs: number, results: Result[] }} Measured
 */

/** Rows of the largest image take minutes. */
const ROUNDS_OF_BIG = 3;

/**
 * @param {Ground} ground
 * @param {Row} row
 * @param {{ tools: readonly Tool[], rounds: number, floors?: boolean }} options
 * @returns {Promise<Measured>}
 */
export async function runRow(ground, row, { tools, rounds, floors = true }) {
  const count = row.image === 'big' ? Math.min(rounds, ROUNDS_OF_BIG) : rounds;
  const image = row.image === '' ? undefined : await ground.image(row.image);
  const runners = tools.map((tool) => new Runner(ground, row, tool));
  if (floors) runners.push(...(await floorRunners(ground, row)));
  for (let round = 0; round <= count; round++) {
    for (const runner of runners) await runner.round(round);
  }
  const results = runners.flatMap((runner) => runner.result() ?? []);
  const { work, link, target } = row;
  return { work, link, image: row.image, target, rounds: count, blobs: image?.blobs.length ?? 0, results };
}

/** @param {Ground} ground @param {Row} row */
async function floorRunners(ground, row) {
  const isNear = (row.work === 'pull' || row.work === 'push') && row.link.startsWith('lan');
  if (!isNear && !['version', 'help', 're-push'].includes(row.work)) return [];
  // What is there already costs a push one question.
  const verb = row.work === 're-push' ? 'digest' : VERBS[row.work];
  const floors = await floorsOf(verb, { tls: row.link.endsWith('tls'), authorities: ground.authorities });
  return floors.map(({ name, argv }) => new Runner(ground, row, { ...NOBODY, name, argv: (_, now) => argv(now) }));
}

/** @type {Tool} */
const NOBODY = { name: '', program: '', version: '', argv: () => undefined };

/** @type {Readonly<Record<import('./rows.js').Work, import('./tools.js').Verb>>} */
const VERBS = {
  version: 'version',
  help: 'help',
  pull: 'pull',
  push: 'push',
  're-push': 'push',
  'new tag': 'push',
  'next tag': 'push',
  'mount copy': 'copy',
  'second command': 'pull',
};

class Runner {
  /** @type {Cost[]} */
  #costs = [];
  /** @type {number[]} seconds of CPU */
  #servers = [];
  /** @type {Counts | undefined} */
  #counts;
  /** @type {string | undefined} */
  #failure;
  #does = true;

  /**
   * @param {Ground} ground
   * @param {Row} row
   * @param {Tool} tool
   */
  constructor(ground, row, tool) {
    this.ground = ground;
    this.row = row;
    this.tool = tool;
  }

  /** Round 0 warms up, and counts where the later ones do not. @param {number} round */
  async round(round) {
    if (this.#failure !== undefined || !this.#does) return;
    try {
      const job = await this.job(round);
      const env = await this.ground.home(this.row.link.endsWith(' private') ? job.link : undefined);
      const run = { env, cwd: env['HOME'] ?? '' };
      const argv = this.tool.argv(VERBS[this.row.work], job);
      this.#does = argv !== undefined;
      if (argv === undefined) return;
      await this.#prepare(job, run);
      await job.link.reset();
      const before = this.ground.serverCpu();
      const cost = await measure({ argv, ...run });
      const after = this.ground.serverCpu();
      const counts = await job.link.counts();
      if (counts.connections > 0) this.#counts = counts;
      if (round === 0) return;
      this.#costs.push(cost);
      if (before !== undefined && after !== undefined) this.#servers.push(after - before);
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
    } finally {
      await rm(join(this.ground.folder, 'out'), { recursive: true, force: true });
    }
  }

  /** @param {number} round */
  async job(round) {
    const { ground, row } = this;
    const link = row.link === '' ? NOWHERE : await ground.link(row.link, round === 0 ? 'counted' : 'timed');
    const fresh = `${process.pid}-${ground.next()}`;
    const seeded = `${link.host}/bench/${row.image}`;
    const reference = {
      push: `${link.host}/bench/push-${fresh}:latest`,
      'new tag': `${seeded}:new-${fresh}`,
      // Not the seeded one: whoever finds everything there has not pushed it.
      'next tag': `${link.host}/bench/next-${fresh}:latest`,
    }[/** @type {'push'} */ (row.work)];
    return {
      link,
      reference: reference ?? `${seeded}:latest`,
      target: `${link.host}/bench/copy-${fresh}:latest`,
      layout: join(ground.folder, 'images', row.image),
      store: join(ground.folder, 'home/store'),
      out: join(ground.folder, 'out'),
    };
  }

  /**
   * @param {import('./tools.js').Job} job
   * @param {{ env: Record<string, string>, cwd: string }} run
   */
  async #prepare(job, run) {
    const verb = VERBS[this.row.work];
    if (verb === 'push' && this.tool.name === 'hubctl') {
      await this.ground.freshStore(await this.ground.image(this.row.image), job.reference, `${job.reference}-first`);
    }
    const argv = this.#before(job);
    if (argv) await measure({ argv, ...run });
  }

  /** What the same user did before. @param {import('./tools.js').Job} job */
  #before(job) {
    if (this.row.work === 'second command') return this.tool.argv('digest', job);
    if (this.row.work !== 'next tag') return undefined;
    return this.tool.argv('push', { ...job, reference: `${job.reference}-first` });
  }

  /** @returns {Result | undefined} */
  result() {
    const tool = this.tool.name;
    if (this.#failure !== undefined) return { tool, failure: this.#failure };
    if (this.#counts === undefined && this.#costs.length === 0) return undefined;
    const memory = this.#costs.flatMap((cost) => cost.memory ?? []);
    const { requests = 0, connections = 0, byKind = {} } = this.#counts ?? {};
    return {
      tool,
      ...(this.#costs.length > 0 && {
        wall: median(this.#costs.map(({ wall }) => wall)),
        fastest: Math.min(...this.#costs.map(({ wall }) => wall)),
        cpu: median(this.#costs.map(({ cpu }) => cpu)),
      }),
      ...(this.#servers.length > 0 && { servers: median(this.#servers) }),
      ...(memory.length > 0 && { memory: median(memory) }),
      ...(requests > 0 && { requests, byKind }),
      ...(connections > 0 && { connections }),
    };
  }
}

/** @type {import('./link.js').Link} */
const NOWHERE = {
  host: '',
  tls: false,
  reset: async () => undefined,
  counts: async () => ({ connections: 0, requests: 0, byKind: {} }),
  stop: () => undefined,
};

/** @param {readonly number[]} numbers at least one */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = NaN, high = NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
