// How do results and progress leave a command? stdout is for results, stderr for everything else.
import type { OnEvent } from '../../transfer/events.ts';

export interface Column<Row> {
  /** Upper-case header of the table. */
  readonly header: string;
  /** Field name for templates and JSON: `{{.Repository}}`. */
  readonly key: string;
  /** The cell as people read it. */
  readonly value: (row: Row) => string;
  /** The value for --json: numbers as numbers. The cell text by default. */
  readonly raw?: ((row: Row) => unknown) | undefined;
  /** Columns of the screen after which the cell ends in an ellipsis, unless truncation is off. */
  readonly width?: number | undefined;
  /** In templates and JSON, but not a column of the table. */
  readonly hidden?: boolean | undefined;
}

export interface TableOptions {
  readonly truncate?: boolean | undefined;
}

/** Draws the events of one or several copies. */
export interface TransferView {
  readonly onEvent: OnEvent;
  /** Draws the last state, prints what was saved, restores the terminal. Safe to call twice; call it in `finally`. */
  finish(): void;
}

export interface TransferOptions {
  readonly direction: 'pull' | 'push' | 'copy';
  /** How a layer is shown: 12 hex digits of its digest by default. */
  readonly label?: ((digest: string) => string) | undefined;
}

export interface Output {
  /** True with --json: the command must print exactly one value with `value`. */
  readonly json: boolean;
  readonly quiet: boolean;
  /** --format as given. */
  readonly format: string | undefined;
  /** A line of result on stdout, control characters made visible. Ignored with --json. */
  line(text: string): void;
  /** The same for each of very many, as some of them come. Throws what `texts` throws. */
  lines(texts: AsyncIterable<readonly string[]>): Promise<void>;
  /** Bytes of result on stdout as they are, such as a manifest. */
  bytes(bytes: Uint8Array | string): void;
  /** The one JSON value of the command (with --json); ignored otherwise. */
  value(value: unknown): void;
  /** The same for a list of which there may be thousands: an array, whose elements are made as they are written. */
  values<T>(items: readonly T[], shown: (item: T) => unknown): void;
  /** Rows as table, docker-style JSON lines, template lines, or (with --json) one array. */
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options?: TableOptions): void;
  /** One object as indented JSON, or through --format as a template over `value`. */
  object(value: unknown): void;
  /** A remark on stderr; not with --quiet. */
  note(text: string): void;
  /** `WARNING: text` on stderr, each text once per command. */
  warn(text: string): void;
  transfer(options: TransferOptions): TransferView;
}
