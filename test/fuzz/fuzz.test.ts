// Does everything that reads what others wrote stand whatever they write? CONTRIBUTING.md says how to ask for more of it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isLong, seed } from '../helpers/random.ts';
import { addToCorpus } from './corpus.ts';
import { fuzz, observe } from './engine.ts';
import { TARGETS } from './targets.ts';

/** Executions of each target at every `npm test`. */
const QUICK = 1000;
const { HUBCTL_FUZZ_RUNS: runs, HUBCTL_FUZZ_INPUT: file, HUBCTL_FUZZ_KEEP: keeps } = process.env;

function executionsOf(long: number): number {
  if (runs !== undefined) return Number(runs);
  return isLong ? long : Math.min(QUICK, long);
}

describe('whatever it is given, it keeps to its promises:', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))(
    '%s',
    async (name, target) => {
      if (file !== undefined) {
        await observe(target, readFileSync(file), file);
        return;
      }
      const started = performance.now();
      const result = await fuzz(target, { executions: executionsOf(target.executions), seed });
      const seconds = (performance.now() - started) / 1000;
      expect(result.ways).toBeGreaterThan(1);
      for (const input of keeps === '1' ? result.fresh.filter(({ length }) => length <= 600) : [])
        addToCorpus(name, input);
      if (isLong || runs !== undefined) {
        const rate = Math.round(result.executions / seconds);
        console.log(
          `${name}: ${result.executions} executions, ${rate}/s, ${result.ways} ways to end, slowest ${result.slowest.toFixed(1)} ms of ${result.slowestInput.length} bytes`,
        );
      }
    },
    24 * 3_600_000,
  );
});
