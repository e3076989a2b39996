// How does a copy read in a log, where lines stay?
import { shortDigest } from '../../spec/digest.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import { plural, safeText } from '../../util/text.ts';
import { Board, isLayer, type Change } from './board.ts';
import type { TransferOptions, TransferView } from './output.ts';
import { lineOf, summaryOf, totalLine } from './wording.ts';

/** Milliseconds between two lines about the whole. */
const TOTAL_EVERY = 5000;

/** What a view of transfers needs from outside. */
export interface ViewOptions extends TransferOptions {
  /** Writes one line on stderr. */
  readonly write: (line: string) => void;
  readonly warn: (text: string) => void;
  /** Milliseconds of a steady clock. */
  readonly now: () => number;
}

/** One line for each change of a layer, and while bytes arrive one about the whole every 5 seconds. */
export function plainView(options: ViewOptions): TransferView {
  const board = new Board();
  const label = options.label ?? shortDigest;
  let totalAt: number | undefined;
  let finished = false;

  const show = (change: Change): void => {
    if (!isLayer(change.piece) && change.type !== 'waiting') return;
    const state = lineOf(change, options.direction);
    if (state !== undefined) options.write(`${label(change.piece.descriptor.digest)}: ${state}`);
  };
  const showTotal = (now: number): void => {
    totalAt ??= now;
    if (now - totalAt < TOTAL_EVERY) return;
    totalAt = now;
    options.write(totalLine(board.totals(now)));
  };
  return {
    onEvent: (event) => {
      if (finished) return;
      const now = options.now();
      const change = board.apply(event, now);
      if (change) show(change);
      else showOther(event, options);
      showTotal(now);
    },
    finish: () => {
      if (finished) return;
      finished = true;
      const summary = summaryOf(board.totals(options.now()), options.direction);
      if (summary !== undefined) options.write(summary);
    },
  };
}

/** Events that are about no layer: warnings, and retries of requests. */
export function showOther(event: TransferEvent, options: ViewOptions): void {
  if (event.type === 'warning') options.warn(event.message);
  if (event.type === 'retrying') {
    options.write(
      `Retrying in ${plural(Math.max(1, Math.round(event.delay / 1000)), 'second')}: ${safeText(event.message)}`,
    );
  }
}

/** Shows warnings only, for --quiet and --progress none. */
export function silentView(options: Pick<ViewOptions, 'warn'>): TransferView {
  return {
    onEvent: (event) => {
      if (event.type === 'warning') options.warn(event.message);
    },
    finish: () => undefined,
  };
}
