// How does a command work on several references and tell apart what succeeded and what failed?
import { HubError } from '../errors.ts';
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

/** Runs `work` on every item at once; transfers inside share their own limiter. One item fails or succeeds as itself. */
export async function each<Item, Value>(
  context: Context,
  items: readonly Item[],
  work: (item: Item) => Promise<Value>,
): Promise<EachResult<Item, Value>> {
  const results = await Promise.allSettled(items.map((item) => work(item)));
  const finished: Finished<Item, Value>[] = [];
  const errors: unknown[] = [];
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') errors.push(result.reason);
    else finished.push({ item: items[index] as Item, value: result.value });
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
