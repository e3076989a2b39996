// How does a command line look on the screen, 80 columns wide?

/** Columns of the narrowest screen that this is written for. */
const WIDTH = 80;

const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * A word as a POSIX shell reads it.
 *
 * @param {string} word
 */
export function quoted(word) {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * A command in as many lines as it needs, each but the last with a backslash at its end, so that it can be pasted.
 *
 * @param {readonly string[]} words
 * @param {string} [end] what follows the words, such as `< file`
 * @returns {string}
 */
export function commandLine(words, end = '') {
  /** @type {string[]} */
  const lines = [];
  for (const part of [...parts(words), ...(end === '' ? [] : [end])]) {
    const longer = `${lines.at(-1)} ${part}`;
    // Room for `$ ` before and ` \` after it.
    if (lines.length > 0 && longer.length <= WIDTH - 4) lines[lines.length - 1] = longer;
    else lines.push(lines.length === 0 ? part : `    ${part}`);
  }
  return lines.join(' \\\n');
}

/**
 * Words, each option with its value.
 *
 * @param {readonly string[]} words
 * @returns {string[]}
 */
function parts(words) {
  /** @type {string[]} */
  const found = [];
  for (const [index, word] of words.entries()) {
    if (index > 0 && words[index - 1]?.startsWith('--') && !word.startsWith('-'))
      found.push(`${found.pop()} ${quoted(word)}`);
    else found.push(quoted(word));
  }
  return found;
}

/**
 * @param {number} bytes
 * @returns {string} such as `41.2 MB`
 */
export function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/** Prints what the demo itself says. */
export class Screen {
  #step = 0;
  /** @type {NodeJS.WriteStream} */
  #out;
  /** @type {boolean} */
  #styled;

  /**
   * @param {NodeJS.WriteStream} out
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(out, env) {
    this.#out = out;
    this.#styled = out.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }

  /** @param {string} [text] */
  line(text = '') {
    this.#out.write(`${text}\n`);
  }

  /** @param {string} text */
  heading(text) {
    this.#step += 1;
    this.line(`\n${this.#style(1, `${this.#step}. ${text}`)}`);
  }

  /**
   * @param {readonly string[]} words
   * @param {string} [end]
   */
  command(words, end) {
    this.line(this.#style(36, `$ ${commandLine(words, end)}`));
  }

  /**
   * @param {number} code of ECMA-48
   * @param {string} text
   */
  #style(code, text) {
    return this.#styled ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}
