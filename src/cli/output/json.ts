// How do the events of a copy read for a program?
import type { Descriptor } from '../../spec/descriptor.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import { safeJson } from '../../util/text.ts';
import { Board, type Totals } from './board.ts';
import type { TransferView } from './output.ts';
import type { ViewOptions } from './plain.ts';

/** Of the lines on stderr; raised when a field changes its meaning or goes away. */
const EVENT_VERSION = 1;
/** Milliseconds between two `progress` lines of one piece of content. */
const PROGRESS_EVERY = 500;

/** One JSON object per event and line. The last has the type `summary`. */
export function jsonView(options: ViewOptions): TransferView {
  const board = new Board();
  const shownAt = new Map<string, number>();
  let finished = false;

  const tooSoon = (event: TransferEvent, now: number): boolean => {
    if (event.type !== 'progress') return false;
    const key = `${event.reference} ${event.descriptor.digest}`;
    const last = shownAt.get(key);
    const due = last === undefined || now - last >= PROGRESS_EVERY || event.bytes >= event.descriptor.size;
    if (due) shownAt.set(key, now);
    return !due;
  };
  return {
    onEvent: (event) => {
      if (finished) return;
      const now = options.now();
      board.apply(event, now);
      if (!tooSoon(event, now)) options.write(eventLine(slim(event)));
    },
    finish: () => {
      if (finished) return;
      finished = true;
      const totals = board.totals(options.now());
      options.write(eventLine({ type: 'summary', direction: options.direction, ...summary(totals) }));
    },
  };
}

/** One event as a line of JSON with the version first. */
export function eventLine(event: Readonly<Record<string, unknown>>): string {
  return safeJson({ version: EVENT_VERSION, ...event });
}

function slim(event: TransferEvent): Readonly<Record<string, unknown>> {
  return 'descriptor' in event ? { ...event, descriptor: pointer(event.descriptor) } : { ...event };
}

/** A descriptor may carry annotations and data of any length. */
function pointer({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function summary(totals: Totals): Readonly<Record<string, unknown>> {
  const { pieces, copied, mounted, existing, resumed } = totals;
  return {
    layers: pieces,
    copied: { layers: copied.pieces, bytes: copied.bytes },
    mounted: { layers: mounted.pieces, bytes: mounted.bytes },
    existing: { layers: existing.pieces, bytes: existing.bytes },
    resumedBytes: resumed,
  };
}
