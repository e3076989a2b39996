// Which form do results and progress take for this terminal and these flags?
import { HubError } from '../../errors.ts';
import { safeJson, safeText } from '../../util/text.ts';
import type { Io } from '../io.ts';
import { compileTemplate, type Template } from './format.ts';
import { jsonArray } from './json-array.ts';
import { eventLine, jsonView } from './json.ts';
import { gatherLines, writeLines } from './lines.ts';
import type { Column, Output, TableOptions, TransferOptions, TransferView } from './output.ts';
import { plainView, silentView, type ViewOptions } from './plain.ts';
import { colorAllowed, loadStyle } from './style.ts';
import { alignRows, rawFields, renderTable, textFields } from './table.ts';
import { ttyView } from './tty.ts';

export type ProgressMode = 'auto' | 'tty' | 'plain' | 'none';

export interface OutputOptions {
  readonly io: Io;
  readonly json: boolean;
  readonly quiet: boolean;
  /** --format: `table`, `table TEMPLATE`, `json` or a template. */
  readonly format?: string | undefined;
  readonly progress: ProgressMode;
  /** Milliseconds of a steady clock. */
  readonly now?: (() => number) | undefined;
}

/** The output of one command. Throws USAGE for a template that cannot be understood. */
export function createOutput(options: OutputOptions): Output {
  return new CommandOutput(options);
}

class CommandOutput implements Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly format: string | undefined;
  readonly #options: OutputOptions;
  readonly #template: Template | undefined;
  readonly #warned = new Set<string>();

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
    this.quiet = options.quiet;
    this.format = options.format;
    const text = templateText(options.format);
    this.#template = text === undefined ? undefined : compileTemplate(text);
  }

  line(text: string): void {
    if (!this.json) this.#print(`${safeText(text)}\n`);
  }

  async lines(texts: AsyncIterable<readonly string[]>): Promise<void> {
    if (!this.json) await writeLines(this.#options.io.stdout, texts);
  }

  bytes(bytes: Uint8Array | string): void {
    this.#print(bytes);
  }

  value(value: unknown): void {
    if (this.json) this.#print(`${safeJson(value, 2)}\n`);
  }

  values<T>(items: readonly T[], shown: (item: T) => unknown): void {
    if (!this.json) return;
    for (const piece of jsonArray(items, shown)) this.#print(piece);
    this.#print('\n');
  }

  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options: TableOptions = {}): void {
    if (this.json) return this.values(rows, (row) => rawFields(row, columns));
    if (this.format === undefined || this.format === 'table') {
      return this.#print(`${renderTable(rows, columns, options)}\n`);
    }
    const fields = rows.map((row) => textFields(row, columns, options));
    if (this.format === 'json') return this.#lines(fields.map((row) => htmlSafe(safeJson(row))));
    const template = this.#template;
    if (!template) return undefined;
    const lines = fields.map((row) => template.render(row));
    if (!this.format.startsWith('table ')) return this.#lines(lines);
    const headers = Object.fromEntries(columns.map((column) => [column.key, column.header]));
    const cells = [template.header(headers), ...lines].map((line) => line.split('\t'));
    return this.#lines([alignRows(cells)]);
  }

  object(value: unknown): void {
    if (this.json) return this.value(value);
    if (this.#template) return this.#lines([this.#template.render(value)]);
    if (this.format === 'json') return this.#lines([safeJson(value)]);
    if (this.format !== undefined) {
      throw new HubError('USAGE', `--format ${this.format} does not fit a single object`, {
        hint: "use json or a template such as '{{.Id}}'",
      });
    }
    return this.#lines([safeJson(value, 4)]);
  }

  note(text: string): void {
    if (this.quiet) return;
    this.#remark(this.json ? eventLine({ type: 'note', message: text }) : safeText(text));
  }

  warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#remark(this.json ? eventLine({ type: 'warning', message: text }) : `WARNING: ${safeText(text)}`);
  }

  transfer(options: TransferOptions): TransferView {
    const { io, now = () => performance.now() } = this.#options;
    const view: ViewOptions = {
      ...options,
      now,
      write: (line) => this.#remark(line),
      warn: (text) => this.warn(text),
    };
    const kind = this.#viewKind();
    if (kind === 'none') return silentView(view);
    if (kind === 'json') return jsonView(view);
    if (kind === 'plain') return this.#plainView(view);
    return ttyView({
      ...view,
      stream: io.stderr,
      color: colorAllowed(io.env, io.stderr),
      loadStyle: () => loadStyle(io.env, io.stderr),
    });
  }

  #plainView(view: ViewOptions): TransferView {
    const { line, flush } = gatherLines(view.write);
    const warn = (text: string): void => {
      flush();
      view.warn(text);
    };
    const { onEvent, finish } = plainView({ ...view, write: line, warn });
    return {
      onEvent,
      finish: () => {
        finish();
        flush();
      },
    };
  }

  #viewKind(): 'tty' | 'plain' | 'json' | 'none' {
    const { progress, io } = this.#options;
    if (this.quiet || progress === 'none') return 'none';
    if (this.json) return 'json';
    if (progress === 'plain' || !canRepaint(io)) return 'plain';
    return progress === 'tty' || !io.env['CI'] ? 'tty' : 'plain';
  }

  #lines(lines: readonly string[]): void {
    this.#print(lines.map((line) => `${line}\n`).join(''));
  }

  #print(text: Uint8Array | string): void {
    this.#options.io.stdout.write(text);
  }

  #remark(line: string): void {
    this.#options.io.stderr.write(`${line}\n`);
  }
}

function canRepaint({ env, stderr }: Io): boolean {
  return stderr.isTTY === true && env['TERM'] !== 'dumb' && stderr.columns !== 0;
}

/** The template in a --format; undefined for the two words that stand for themselves. */
function templateText(format: string | undefined): string | undefined {
  if (format === undefined || format === 'json' || format === 'table') return undefined;
  return format.startsWith('table ') ? format.slice('table '.length) : format;
}

/** As docker's encoder writes JSON lines. */
function htmlSafe(json: string): string {
  return json.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
