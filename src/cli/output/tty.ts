// How is a copy drawn on a terminal while it goes on?
import type { Ora } from 'ora';
import { shortDigest } from '../../spec/digest.ts';
import type { OutputStream } from '../io.ts';
import { barLines, numbersOf, type BarOptions } from './bars.ts';
import { Board, bytesOf, isLayer, type Change, type Piece } from './board.ts';
import type { TransferView } from './output.ts';
import { showOther, type ViewOptions } from './plain.ts';
import type { Style } from './style.ts';
import { cut, displayWidth } from './width.ts';
import { stateOf, summaryOf, toneOf, totalLine } from './wording.ts';

export interface TtyOptions extends ViewOptions {
  readonly stream: OutputStream;
  /** Loaded together with what draws; text is plain until then. */
  readonly loadStyle: () => Promise<Style>;
  readonly color: boolean;
}

/** Milliseconds of work before anything is drawn: what is over by then needs no picture. */
const DRAW_AFTER = 150;
const REPAINT_EVERY = 100;
/** Lines of the screen that layers may not take: the total, and two that stay free. */
const ROWS_KEPT = 3;
/** Columns before the total. */
const SPINNER = 6;

/** A block of lines that is repainted in place; finished layers scroll up out of it as lines that stay. */
export function ttyView(options: TtyOptions): TransferView {
  const view = new TtyView(options);
  return { onEvent: view.onEvent, finish: () => view.finish() };
}

class TtyView {
  readonly #options: TtyOptions;
  readonly #board = new Board();
  #timer: NodeJS.Timeout | undefined;
  #spinner: Ora | undefined;
  #style: Style | undefined;
  #finished = false;
  /** Columns of each line on the screen now. */
  #painted: readonly number[] = [];

  constructor(options: TtyOptions) {
    this.#options = options;
  }

  readonly onEvent: TransferView['onEvent'] = (event) => {
    if (this.#finished) return;
    this.#timer ??= setTimeout(() => void this.#draw(), DRAW_AFTER).unref();
    const change = this.#board.apply(event, this.#options.now());
    if (change) this.#keep(change);
    else showOther(event, this.#options);
  };

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#options.stream.off('resize', this.#onResize);
    this.#spinner?.stop();
    for (const piece of this.#board.pieces) this.#keepUnfinished(piece);
    const summary = summaryOf(this.#board.totals(this.#options.now()), this.#options.direction);
    if (summary !== undefined) this.#options.write(summary);
  }

  /** A finished layer becomes a line that stays. */
  #keep({ piece, type }: Change): void {
    if (type === 'finished' && isLayer(piece)) this.#writeState(piece);
  }

  /** What was under way when the copy failed stays visible as far as it got. */
  #keepUnfinished(piece: Piece): void {
    if (piece.phase === 'finished' || !isLayer(piece) || bytesOf(piece) === 0) return;
    const { label = shortDigest, direction, write } = this.#options;
    write(`${label(piece.descriptor.digest)}: ${stateOf(piece, direction)} ${numbersOf(piece)}`);
  }

  #writeState(piece: Piece): void {
    const { label = shortDigest, direction, write } = this.#options;
    const tone = toneOf(piece);
    const state = stateOf(piece, direction);
    write(`${label(piece.descriptor.digest)}: ${tone && this.#style ? this.#style(tone, state) : state}`);
  }

  async #draw(): Promise<void> {
    const [{ default: ora }, style] = await Promise.all([import('ora'), this.#options.loadStyle()]);
    if (this.#finished) return;
    const { stream, color } = this.#options;
    this.#style = style;
    stream.on('resize', this.#onResize);
    // The cursor stays visible and the keyboard as it is, so that no kind of death leaves a terminal to repair.
    this.#spinner = ora({
      stream,
      isEnabled: true,
      discardStdin: false,
      hideCursor: false,
      interval: REPAINT_EVERY,
      color: color ? 'cyan' : false,
      prefixText: () => this.#block(),
      suffixText: () => this.#total(),
    }).start();
  }

  #block(): string {
    const lines = barLines(this.#board, this.#barOptions());
    this.#painted = lines.map((line) => displayWidth(line));
    return lines.map((line) => `${line}\n`).join('');
  }

  #total(): string {
    const line = cut(totalLine(this.#board.totals(this.#options.now())), this.#barOptions().columns - SPINNER);
    this.#painted = [...this.#painted, displayWidth(line) + SPINNER];
    return line;
  }

  #barOptions(): BarOptions {
    const { stream, label = shortDigest, direction, now } = this.#options;
    const rows = Math.max(1, (stream.rows ?? 24) - ROWS_KEPT);
    return { direction, label, columns: stream.columns ?? 80, rows, now: now() };
  }

  /** A terminal that became narrower has wrapped the lines: more rows are to be cleared than were painted. */
  readonly #onResize = (): void => {
    const columns = Math.max(1, this.#options.stream.columns ?? 80);
    const extra = this.#painted.reduce((rows, width) => rows + Math.max(0, Math.ceil(width / columns) - 1), 0);
    // What draws clears its own rows before it lets this pass, and paints again after it.
    this.#options.stream.write(`${'\u001B[1A\u001B[2K'.repeat(extra)}\r`);
  };
}
