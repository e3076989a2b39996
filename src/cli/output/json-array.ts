// How is a long list written as JSON without holding all of its text?
import { safeJson } from '../../util/text.ts';

/** Elements: few enough that their text is short, so many that a write for each piece costs nothing. */
const PIECE = 200;

/** The text of `safeJson(items.map(shown), 2)`, a piece at a time. */
export function* jsonArray<T>(items: readonly T[], shown: (item: T) => unknown): Iterable<string> {
  if (items.length === 0) return yield '[]';
  for (let at = 0; at < items.length; at += PIECE) {
    const piece = safeJson(items.slice(at, at + PIECE).map(shown), 2);
    yield `${at === 0 ? '[' : ','}${piece.slice('['.length, -'\n]'.length)}`;
  }
  yield '\n]';
}
