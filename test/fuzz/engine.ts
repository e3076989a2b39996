// What happens to a target that is given inputs by chance, as many as one likes?
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { HubError } from '../../src/errors.ts';
import { Chance } from './chance.ts';
import { formatLine, readCorpus } from './corpus.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  readonly executions: number;
  readonly seed: number;
}

export interface FuzzResult {
  readonly executions: number;
  /** Milliseconds of the slowest input. */
  readonly slowest: number;
  readonly slowestInput: Buffer;
  /** Ways to end that were told apart. */
  readonly ways: number;
  /** Inputs that were the first to end in their way, and were not there before. */
  readonly fresh: readonly Buffer[];
}

/** Milliseconds an input may take. */
const LONGEST = 100;
/** Bytes of this process, whatever it was given. */
const MOST_MEMORY = 1024 ** 3;
const MOST_INPUTS = 200;
/** Lines; none are kept while inputs are tried, which costs time. */
const USUAL_STACK = 10;
/** Slow inputs that are tried again at the end. */
const KEPT = 32;
/** Of making an input shorter. */
const MOST_TRIES = 3000;
/** Executions until others have their turn. */
const TURN = 1024;

interface Outcome {
  readonly way: string | undefined;
  readonly milliseconds: number;
}

/** Gives the target every input of the corpus, then changed ones. Throws an error that says how to see it again. */
export async function fuzz(target: Target, { executions, seed }: FuzzOptions): Promise<FuzzResult> {
  const chance = new Chance(seed);
  const words = target.words.map((word) => Buffer.from(word, 'latin1'));
  const pool = [...target.seeds.map(bufferOf), ...readCorpus(target.name)];
  const ways = new Set<string>();
  const fresh: Buffer[] = [];
  const context = { words, limit: target.limit, other: () => chance.pick(pool) };
  const slow = new SlowInputs();
  const known = pool.length;
  Error.stackTraceLimit = 0;
  for (let at = 0; at < executions + known;) {
    const count = Math.min(target.together ?? 1, executions + known - at);
    const inputs = Array.from({ length: count }, (_, index) => {
      return at + index < known ? pool[at + index]! : nextInput(target, chance, pool, context);
    });
    const attempts =
      count === 1
        ? [await attempt(target, inputs[0]!)]
        : await Promise.all(inputs.map(async (input) => attempt(target, input)));
    for (const [index, input] of inputs.entries()) {
      const { way, milliseconds } = await judged(
        target,
        input,
        attempts[index]!,
        `seed ${seed}, execution ${at + index}`,
      );
      slow.add(milliseconds, input);
      if (way === undefined || ways.has(way) || ways.size >= MOST_INPUTS) continue;
      ways.add(way);
      if (at + index >= known) fresh.push(keep(pool, input));
    }
    if (Math.floor(at / TURN) !== Math.floor((at + count) / TURN)) await rest(target);
    at += count;
  }
  const slowest = await slow.slowest(target);
  Error.stackTraceLimit = USUAL_STACK;
  return { executions, slowest: slowest.milliseconds, slowestInput: slowest.input, ways: ways.size, fresh };
}

/** Keeps those that seemed to take longest. Most of them only met with somebody else, which shows when they are tried again. */
class SlowInputs {
  readonly #inputs: { readonly milliseconds: number; readonly input: Buffer }[] = [];

  add(milliseconds: number, input: Buffer): void {
    if (milliseconds <= (this.#inputs[KEPT - 1]?.milliseconds ?? 0)) return;
    this.#inputs.push({ milliseconds, input: Buffer.from(input) });
    this.#inputs.sort((a, b) => b.milliseconds - a.milliseconds).splice(KEPT);
  }

  async slowest(target: Target): Promise<{ readonly milliseconds: number; readonly input: Buffer }> {
    let found: { milliseconds: number; input: Buffer } = { milliseconds: 0, input: Buffer.from('') };
    for (const { input } of this.#inputs) {
      let milliseconds = Infinity;
      for (let again = 0; again < 5; again += 1) {
        milliseconds = Math.min(milliseconds, (await attempt(target, input)).milliseconds);
      }
      if (milliseconds > found.milliseconds) found = { milliseconds, input };
    }
    return found;
  }
}

function keep(pool: Buffer[], input: Buffer): Buffer {
  const own = Buffer.from(input);
  pool.push(own);
  return own;
}

type Context = Parameters<typeof mutate>[2];

function nextInput(target: Target, chance: Chance, pool: readonly Buffer[], context: Context): Buffer {
  if (target.make && chance.once(3)) {
    const made = bufferOf(target.make(chance)).subarray(0, target.limit);
    return chance.once(2) ? made : mutate(made, chance, context);
  }
  // What was found last is the least explored.
  const from = chance.once(3) ? pool.at(-1 - chance.below(Math.min(16, pool.length)))! : chance.pick(pool);
  return mutate(from, chance, context);
}

/** Others of the same process tell the test runner that they live. */
async function rest(target: Target): Promise<void> {
  await turn();
  const memory = process.memoryUsage.rss();
  if (memory > MOST_MEMORY) throw new Error(`${target.name}: the process has grown to ${memory} bytes`);
}

/** Once more by hand: `input` is the content of a file that a failure named. */
export async function observe(target: Target, input: Buffer, when: string): Promise<void> {
  await judged(target, input, await attempt(target, input), when);
}

async function judged(target: Target, input: Buffer, attempted: Attempt, when: string): Promise<Outcome> {
  const { error, way, milliseconds } = attempted;
  if (error !== undefined) throw await finding(target, input, when, error);
  const { longest = LONGEST } = target;
  const least = milliseconds <= longest ? milliseconds : await leastTime(target, input);
  if (least <= longest) return { way, milliseconds: least };
  throw await finding(target, input, `${when}: takes ${Math.round(least)} ms`);
}

type Attempt = Outcome & { readonly error?: unknown };

/** An await costs more than most inputs, so there is none where there is nothing to wait for. */
function attempt(target: Target, input: Buffer): Attempt | Promise<Attempt> {
  const before = performance.now();
  try {
    const result = target.run(input);
    if (!(result instanceof Promise)) return { way: result, milliseconds: performance.now() - before };
    return ended(result).then(
      (way) => ({ way, milliseconds: performance.now() - before }),
      (error: unknown) => failed(target, error, performance.now() - before),
    );
  } catch (error) {
    return failed(target, error, performance.now() - before);
  }
}

function failed({ codes }: Target, error: unknown, milliseconds: number): Attempt {
  if (HubError.is(error) && codes.includes(error.code)) return { way: wayOf(error), milliseconds };
  return { way: undefined, milliseconds, error: error ?? new Error('nothing was thrown') };
}

/** Milliseconds after which nobody believes in an end any more. */
const FOR_EVER = 60_000;

async function ended<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${FOR_EVER} ms`)), FOR_EVER);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something else may have had the processor. */
async function leastTime(target: Target, input: Buffer): Promise<number> {
  let least = Infinity;
  for (let again = 0; again < 6 && least > LONGEST / 2; again += 1) {
    await turn();
    least = Math.min(least, (await attempt(target, input)).milliseconds);
  }
  return least;
}

/** The words of a message that are not those of the input. */
function wayOf({ code, message }: HubError): string {
  const words = message.replace(/".*"/s, '').replace(/\(.*\)/s, '');
  return `${code} ${words.replaceAll(/[^a-zA-Z ]+/g, '').slice(0, 40)}`;
}

function told(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${HubError.is(error) ? `${error.code} is not expected: ` : ''}${text.slice(0, 1500)}`;
}

async function finding(target: Target, input: Buffer, when: string, cause?: unknown): Promise<Error> {
  Error.stackTraceLimit = USUAL_STACK;
  // Once more, since stacks cost time that they are seldom worth.
  const again = cause === undefined ? undefined : ((await attempt(target, input)).error ?? cause);
  const what = again === undefined ? when : `${when}: ${told(again)}`;
  const isQuick = (await attempt(target, input)).milliseconds < LONGEST;
  const least = cause === undefined || !isQuick ? input : await shrink(target, input);
  const hash = createHash('sha256').update(least).digest('hex').slice(0, 12);
  const path = join(tmpdir(), `hubctl-fuzz-${target.name}-${hash}`);
  writeFileSync(path, least);
  return new Error(
    `${target.name}, ${what}\nthe input is in ${path}, ${least.length} bytes: ${formatLine(least.subarray(0, 300))}\n` +
      `see it again with: HUBCTL_FUZZ_INPUT=${path} npm run test:fuzz -- -t ': ${target.name}$'\n` +
      `once it is mended, keep it: put the line into test/fuzz/corpus/${target.name}.txt`,
    { cause },
  );
}

/** Leaves out what the failure does not need, as long as there is one. */
async function shrink(target: Target, input: Buffer): Promise<Buffer> {
  let least = input;
  let tries = 0;
  for (let size = least.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= least.length && tries < MOST_TRIES;) {
      tries += 1;
      const shorter = Buffer.concat([least.subarray(0, at), least.subarray(at + size)]);
      if ((await attempt(target, shorter)).error === undefined) at += size;
      else least = shorter;
    }
  }
  return least;
}

function bufferOf(seed: string | Buffer): Buffer {
  return typeof seed === 'string' ? Buffer.from(seed, 'utf8') : seed;
}
