// Which lines make up the live picture of a copy on a terminal of this size?
import { bytesOf, isLayer, type Board, type Piece } from './board.ts';
import type { TransferOptions } from './output.ts';
import { formatEta, formatRate, formatSize } from './units.ts';
import { cut } from './width.ts';
import { stateOf } from './wording.ts';

export interface BarOptions extends TransferOptions {
  readonly label: (digest: string) => string;
  readonly columns: number;
  readonly rows: number;
  readonly now: number;
}

/** Milliseconds after which a config or manifest is no longer passed over. */
const SLOW = 1000;
/** Columns that label, state, numbers, rate and time want beside the bar. */
const BESIDE_BAR = 65;
const LONGEST_BAR = 50;

/** One line for each layer that is not finished, moving ones first, all cut to the screen; at most `rows` of them. */
export function barLines(board: Board, options: BarOptions): readonly string[] {
  const open = [...board.pieces].filter((piece) => isShown(piece, options.now));
  const moving = open.filter((piece) => piece.phase !== 'queued');
  const queued = open.filter((piece) => piece.phase === 'queued');
  const lines = [...moving, ...queued].map((piece) => cut(barLine(piece, options), options.columns - 1));
  if (lines.length <= options.rows) return lines;
  const room = Math.max(0, options.rows - 1);
  return [...lines.slice(0, room), cut(`... and ${lines.length - room} more`, options.columns - 1)];
}

/** `bf74d9c74bc0: Downloading [====>     ]  1.2MB/3MB  4.1MB/s  12s`. */
function barLine(piece: Piece, options: BarOptions): string {
  const { descriptor, rate } = piece;
  const head = `${options.label(descriptor.digest)}: ${stateOf(piece, options.direction)}`;
  if (piece.phase !== 'moving') return head;
  const bytes = bytesOf(piece);
  const perSecond = rate.perSecond(options.now, bytes);
  const parts = [head, bar(bytes / Math.max(1, descriptor.size), options.columns - BESIDE_BAR)];
  parts.push(` ${numbersOf(piece)}`);
  if (perSecond) parts.push(` ${formatRate(perSecond)}`, ` ${formatEta((descriptor.size - bytes) / perSecond)}`);
  return parts.filter((part) => part !== '').join(' ');
}

/** `1.2MB/3MB`. */
export function numbersOf(piece: Piece): string {
  return `${formatSize(bytesOf(piece), 4)}/${formatSize(piece.descriptor.size, 4)}`;
}

/** `[=====>    ]`, or nothing where there is no room for one. */
function bar(share: number, room: number): string {
  const length = Math.min(LONGEST_BAR, room);
  if (length < 10) return '';
  const done = Math.min(length, Math.floor(share * length));
  const drawn = done < length ? `${'='.repeat(done)}>` : '='.repeat(length);
  return `[${drawn.padEnd(length)}]`;
}

function isShown(piece: Piece, now: number): boolean {
  if (piece.phase === 'finished') return false;
  if (isLayer(piece)) return true;
  return piece.phase !== 'queued' && piece.startedAt !== undefined && now - piece.startedAt >= SLOW;
}
