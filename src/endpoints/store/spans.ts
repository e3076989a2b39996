// Which bytes of a file are there when they did not come in order?

export interface Span {
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/** A set of bytes, as the fewest spans that hold it. */
export class Spans {
  readonly #spans: Span[] = [];

  /** Bytes from the first on without a hole. */
  get prefix(): number {
    const [first] = this.#spans;
    return first?.start === 0 ? first.end : 0;
  }

  get total(): number {
    return this.#spans.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  add({ start, end }: Span): void {
    if (start >= end) return;
    const before = this.#spans.findIndex((span) => span.end >= start);
    const from = before === -1 ? this.#spans.length : before;
    let to = from;
    let [low, high] = [start, end];
    for (let span = this.#spans[to]; span && span.start <= high; span = this.#spans[to]) {
      low = Math.min(low, span.start);
      high = Math.max(high, span.end);
      to += 1;
    }
    this.#spans.splice(from, to - from, { start: low, end: high });
  }

  remove({ start, end }: Span): void {
    const kept = this.#spans.flatMap((span) => [
      { start: span.start, end: Math.min(span.end, start) },
      { start: Math.max(span.start, end), end: span.end },
    ]);
    this.#spans.splice(0, this.#spans.length);
    for (const span of kept) this.add(span);
  }

  /** The first hole below `size`. */
  gap(size: number): Span | undefined {
    let start = 0;
    for (const span of this.#spans) {
      if (span.start > start) return { start, end: Math.min(span.start, size) };
      start = span.end;
    }
    return start < size ? { start, end: size } : undefined;
  }

  [Symbol.iterator](): Iterator<Span> {
    return [...this.#spans].values();
  }
}
