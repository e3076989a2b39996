// Where are the inputs that once found something, or lead to places that chance rarely finds?
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('corpus/', import.meta.url));

/**
 * One input a line: a JSON string of which each character is a byte, or base64. Lines that begin with `#` say what an input
 * once found.
 */
export function readCorpus(target: string): readonly Buffer[] {
  const path = `${FOLDER}${target}.txt`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseLine);
}

export function addToCorpus(target: string, input: Buffer): void {
  appendFileSync(`${FOLDER}${target}.txt`, `${formatLine(input)}\n`);
}

export function parseLine(line: string): Buffer {
  return line.startsWith('"') ? Buffer.from(JSON.parse(line) as string, 'latin1') : Buffer.from(line, 'base64');
}

/** As text when that can be read. */
export function formatLine(input: Buffer): string {
  const text = JSON.stringify(input.toString('latin1')).replaceAll(
    /[\x7f-\xff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const coded = input.toString('base64');
  return text.length <= Math.max(coded.length * 2, 40) ? text : coded;
}
