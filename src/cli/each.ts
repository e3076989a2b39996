// How does a command work on several references and tell apart what succeeded and what failed?
import { HubError } from '../errors.ts';
import { whileDoing } from './doing.ts';
import { report } from './report.ts';
import type { Context } from './context.ts';

export interface Finished<Item, Value> {
  readonly item: Item;
  readonly value: Value;
}

export interface EachResult<Item, Value> {
  readonly finished: readonly Finished<Item, Value>[];
  readonly failures: number;
  /** Throws the one failure as it is; of several, PARTIAL or their common code, after each was reported. */
  rethrow(): void;
}

export interface EachOptions<Item> {
  /** The operation and the name of an item, for the messages of what fails. */
  readonly doing?: ((item: Item) => readonly [verb: string, reference: string]) | undefined;
}

/** Runs `work` on every item at once; transfers inside share their own limiter. One item fails or succeeds as itself. */
export async function each<Item, Value>(
  context: Context,
  items: readonly Item[],
  work: (item: Item) => Promise<Value>,
  { doing }: EachOptions<Item> = {},
): Promise<EachResult<Item, Value>> {
  const results = await Promise.allSettled(items.map((item) => work(item)));
  const finished: Finished<Item, Value>[] = [];
  const errors: unknown[] = [];
  for (const [index, result] of results.entries()) {
    const item = items[index] as Item;
    if (result.status === 'fulfilled') finished.push({ item, value: result.value });
    else errors.push(doing ? whileDoing(...doing(item), result.reason) : result.reason);
  }
  return { finished, failures: errors.length, rethrow: () => rethrow(context, errors, items.length) };
}

function rethrow(context: Context, errors: readonly unknown[], total: number): void {
  const [first] = errors;
  if (first === undefined) return;
  const bug = errors.find((error) => !HubError.is(error));
  if (bug !== undefined) throw bug;
  if (total === 1 || context.signal.aborted) throw first;
  for (const error of errors) report(error, context.io, { debug: context.settings.debug, json: context.output.json });
  const codes = new Set(errors.map((error) => (HubError.is(error) ? error.code : 'FAILED')));
  const [code] = codes;
  const common = codes.size === 1 && errors.length === total && code !== undefined ? code : 'PARTIAL';
  throw new HubError(common, `${errors.length} of ${total} failed`);
}
