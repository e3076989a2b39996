// How many columns of the screen does a text take, and where must it be cut?
import { eastAsianWidth } from 'get-east-asian-width';

const ASCII = /^[\x20-\x7e]*$/;
/** Made on first use: V8 takes a millisecond to look Unicode properties up, and most texts are ASCII. */
let zeroWidth: RegExp | undefined;

/** Columns of the screen: wide East Asian characters and emoji take 2, combining marks none. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The text if it fits, else cut so that it ends in `…` within `columns`. */
export function ellipsis(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return `${cut(text, columns - 1)}…`;
}

/** The longest beginning that fits. */
export function cut(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Blanks on the right up to `columns`. */
export function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}

function characterWidth(character: string): number {
  zeroWidth ??= new RegExp('^[\\p{Mn}\\p{Me}\\p{Cf}\\p{Cc}]$', 'u');
  if (zeroWidth.test(character)) return 0;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
}
