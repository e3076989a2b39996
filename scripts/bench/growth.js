// How does the cost grow with the number of layers, and with their size?
import { KIB, MIB } from './images.js';
import { runRow } from './run.js';

/**
 * @typedef {{ name: string, layers: number, layerSize: number }} Step
 * @typedef {Step & { pull: import('./run.js').Result, push: import('./run.js').Result }} Grown
 */

const SMALL_LAYER = 16 * KIB;
/** Above this a run takes long enough to be steady. */
const LARGE = 256 * MIB;

/** @type {readonly Step[]} */
export const STEPS = [
  ...[1, 10, 100, 1000].map((layers) => ({ name: `${layers}-layers`, layers, layerSize: SMALL_LAYER })),
  ...[1, 16, 256, 1024, 4096].map((size) => ({ name: `${size}-mib`, layers: 1, layerSize: size * MIB })),
];

/**
 * @param {import('./ground.js').Ground} ground
 * @param {readonly import('./tools.js').Tool[]} tools hubctl alone
 * @param {{ rounds: number, steps: readonly Step[], onStep: (grown: Grown) => void }} options
 * @returns {Promise<Grown[]>}
 */
export async function grow(ground, tools, { rounds, steps, onStep }) {
  const all = [];
  for (const step of steps) {
    await ground.image(step.name, step);
    const count = step.layerSize > LARGE ? Math.min(rounds, 3) : rounds;
    const of = async (/** @type {'pull' | 'push'} */ work) => {
      const row = { work, link: 'lan', image: step.name, target: {} };
      const { results } = await runRow(ground, row, { tools, rounds: count, floors: false });
      return results[0] ?? { tool: 'hubctl', failure: 'did not run' };
    };
    const grown = { ...step, pull: await of('pull'), push: await of('push') };
    onStep(grown);
    all.push(grown);
    await ground.forget(step.name);
  }
  return all;
}

/** @param {readonly Grown[]} all */
export function growthTable(all) {
  const head = ['layers', 'MiB each', 'pull s', 'ms per layer', 's per GB', 'CPU s', 'memory MB'];
  const columns = [...head, 'push s', 'push ms per layer', 'push s per GB', 'push CPU s', 'push memory MB'];
  return [
    `| ${columns.join(' | ')} |`,
    `|${columns.map(() => ' ---: |').join('')}`,
    ...all.map((grown) => `| ${cellsOf(grown).join(' | ')} |`),
  ].join('\n');
}

/** @param {Grown} grown */
function cellsOf({ layers, layerSize, pull, push }) {
  const gigabytes = (layers * layerSize) / 1e9;
  const costs = [pull, push].flatMap(({ wall = NaN, cpu = NaN, memory = NaN, failure }) =>
    failure === undefined
      ? [
          wall.toFixed(3),
          ((wall * 1000) / layers).toFixed(2),
          (wall / gigabytes).toFixed(2),
          cpu.toFixed(2),
          (memory / 1e6).toFixed(0),
        ]
      : ['failed', '', '', '', ''],
  );
  return [String(layers), (layerSize / MIB).toFixed(layerSize < MIB ? 3 : 0), ...costs];
}
