// How does a long text fit 80 columns?
import { displayWidth } from './output/width.ts';

const WIDTH = 80;

/** Lines of at most 80 columns, each behind the indent. Words longer than that stay whole. */
export function wrap(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + displayWidth(longer) > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, indent + line];
}
