// Is text from elsewhere harmless once it is shown?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { cut, displayWidth, ellipsis, padded } from '../../../src/cli/output/width.ts';
import { safeJson, safeText } from '../../../src/util/text.ts';
import type { Target } from '../target.ts';

/** Nothing of this may be in what a terminal gets: C0, DEL, C1, line separators, bidirectional controls, lone surrogates, tags. */
const HARMFUL =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udc7f]/;

/** UTF-8 cannot hold half a pair, so two characters of the private area stand for the halves. */
export function textOf(input: Buffer): string {
  return input.toString('utf8').replaceAll('\ue000', '\ud83d').replaceAll('\ue001', '\ude00');
}

function runText(input: Buffer): string {
  const text = textOf(input);
  const safe = safeText(text);
  ok(!HARMFUL.test(safe), 'something harmful is shown');
  same(safeText(safe), safe);
  if (!HARMFUL.test(text) && /^[\x20-\x7e]*$/.test(text)) same(safe, text);
  const written = safeJson({ text, list: [text] }, input.length % 2 === 0 ? undefined : 2);
  ok(!HARMFUL.test(written.replaceAll('\n', '')), 'something harmful is in JSON');
  same(JSON.parse(written), { text, list: [text] });
  const columns = 1 + (input.length % 80);
  const width = displayWidth(safe);
  const short = cut(safe, columns);
  ok(safe.startsWith(short) && displayWidth(short) <= columns);
  ok(displayWidth(ellipsis(safe, columns)) <= columns, 'wider than there is room');
  same(displayWidth(padded(safe, columns)), Math.max(width, columns));
  same(displayWidth(safe + safe), 2 * width);
  return `${safe === text} ${width > columns} ${width === safe.length} ${/\\u\{/.test(safe)}`;
}

export const terminal: Target = {
  name: 'terminal',
  // Each is measured eight times.
  limit: 16 * 1024,
  executions: 400_000,
  seeds: [
    'plain text',
    'tabs\tand\nlines\r',
    '\u001b[31mred\u001b[0m',
    '中文とemoji 👩‍👩‍👧',
    'a\u202eb\u2066c',
    'e\u0301\u0302',
    '\ue000\ue001',
    '\u{e0041}',
    '\u009b1m',
  ],
  words: [
    '\x1b[',
    '\x1b]0;',
    '\x07',
    '\x9b',
    '\xc2\x9b',
    '\xe2\x80\xae',
    '\xee\x80\x80',
    '\xee\x80\x81',
    '\xf0\x9f\x98\x80',
    '\xf3\xa0\x81\x81',
    '\xe4\xb8\xad',
    '\xcc\x81',
    '\xef\xbb\xbf',
    '\\u{',
    '\r',
    '\0',
  ],
  codes: [],
  run: runText,
};
