// What has changed in a kept list of images since it was written, and does that lead to the store as it is now?
import { createHash } from 'node:crypto';
import type { Platform } from '../../spec/platform.ts';

/** A state of index.json and the facts that belong to it. */
export interface StateKey {
  /** Identity of the file. */
  readonly index: string;
  /** Sum of the facts. */
  readonly facts: string;
}

/** All that a list follows from. It holds for no other. */
export interface ListKey extends StateKey {
  readonly platform: Platform;
}

/** What a change of the index does to the list. */
export interface ListChange {
  /** Names of the images that go; digests of those without one. */
  readonly gone: readonly string[];
  /** What comes, in order. */
  readonly come: readonly NewLine[];
}

/** A whole line, or what takes the place of the name and of the fields of the entry in the line of the same content. */
export type NewLine = { readonly line: string } | { readonly name: string; readonly entry: readonly string[] };

/** Fields of a line: name and digest are needed to tell images apart, the others change with the entry. */
const [ENTRY_AT, DIGEST_AT, ENTRY_FIELDS] = [5, 7, 5];
const RECORD = /@ (\d{1,9}) ([a-f0-9]{64}) (.+)\n/y;

export function textOfKey({ index, facts, platform }: ListKey): string {
  return `${index} ${facts} ${JSON.stringify(platform)}`;
}

/** A change as it is put at the end of the file of the list. */
export function recordOf(from: ListKey, to: ListKey, change: ListChange): string {
  const keys = JSON.stringify([textOfKey(from), textOfKey(to)]);
  const body = JSON.stringify(change);
  return `@ ${body.length} ${sumOf(keys, body)} ${keys}\n${body}\n`;
}

/**
 * The changes that lead from one state to another, the oldest first; undefined when they do not. A record of a change that was
 * never made leads nowhere, so it does no harm; nothing counts that comes after one that is not whole.
 */
export function changesBetween(text: string, from: string, to: string): readonly ListChange[] | undefined {
  const records = readRecords(text);
  const changes: ListChange[] = [];
  let wanted = to;
  for (const record of records.toReversed()) {
    if (wanted === from) break;
    if (record.to !== wanted) continue;
    changes.unshift(JSON.parse(record.body) as ListChange);
    wanted = record.from;
  }
  return wanted === from ? changes : undefined;
}

interface Record {
  readonly from: string;
  readonly to: string;
  readonly body: string;
}

function readRecords(text: string): readonly Record[] {
  const records: Record[] = [];
  for (let at = 0; at < text.length;) {
    RECORD.lastIndex = at;
    const [head = '', length = '', sum, keys = ''] = RECORD.exec(text) ?? [];
    const start = at + head.length;
    const body = text.slice(start, start + Number(length));
    if (head === '' || sum !== sumOf(keys, body)) break;
    const [from, to] = JSON.parse(keys) as [string, string];
    records.push({ from, to, body });
    at = start + body.length + 1;
  }
  return records;
}

/**
 * The lines of the list after the changes. `text` holds those before, `lines` one by one. Undefined when a change is about
 * content that the list does not have.
 */
export function applyChanges(
  changes: readonly ListChange[],
  text: string,
  lines: readonly string[],
): readonly string[] | undefined {
  const gone = new Set<string>();
  const come = new Map<string, string>();
  for (const change of changes) {
    const added = change.come.map((next) => wholeLine(next, text, come));
    for (const key of change.gone) {
      gone.add(key);
      come.delete(key);
    }
    for (const line of added) {
      if (line === undefined) return undefined;
      come.set(keyOf(line), line);
    }
  }
  return [...lines.filter((line) => !gone.has(keyOf(line))), ...come.values()];
}

function wholeLine(next: NewLine, text: string, come: ReadonlyMap<string, string>): string | undefined {
  if ('line' in next) return next.line;
  const [, mediaType, digest, size] = next.entry;
  const mark = `\t${mediaType}\t${digest}\t${size}\t`;
  const at = text.indexOf(mark);
  const known = at === -1 ? [...come.values()].find((line) => line.includes(mark)) : lineAt(text, at);
  const fields = known?.split('\t');
  fields?.splice(ENTRY_AT, ENTRY_FIELDS, ...next.entry);
  fields?.splice(0, 1, next.name);
  return fields?.join('\t');
}

function lineAt(text: string, at: number): string {
  return text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
}

/** The name, or the digest of an image without one. */
function keyOf(line: string): string {
  const name = line.slice(0, line.indexOf('\t'));
  return name === '' ? (line.split('\t')[DIGEST_AT] ?? '') : name;
}

function sumOf(keys: string, body: string): string {
  return createHash('sha256').update(`${keys}\n${body}`).digest('hex');
}
