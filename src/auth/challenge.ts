// What does a server want to see before it answers? The grammar of WWW-Authenticate.

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case, values as sent; the first of several with one name counts. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Longer header lines are ignored. */
const LONGEST_LINE = 16 * 1024;

/**
 * The challenges of the `WWW-Authenticate` lines of an answer in their order; one line may hold several, and so may the
 * answer. A malformed line is left out as a whole [RFC 9110 11.6.1].
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap((value) => parseLine(value) ?? []);
}

/** The challenge to answer: bearer before basic. */
export function chooseChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges.find(({ scheme }) => scheme === 'basic');
}

interface Draft {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

function parseLine(line: string): Challenge[] | undefined {
  if (line.length > LONGEST_LINE) return undefined;
  const scanner = new Scanner(line);
  const drafts: Draft[] = [];
  while (scanner.skipSeparators()) {
    if (!readItem(drafts, scanner)) return undefined;
    scanner.skipBlanks();
    if (!scanner.isAtSeparator || scanner.isBroken) return undefined;
  }
  return drafts.map(({ scheme, parameters }) => ({ scheme, parameters: Object.fromEntries(parameters) }));
}

/** What stands between two commas: a scheme, a scheme with its first parameter, or one more parameter. */
function readItem(drafts: Draft[], scanner: Scanner): boolean {
  const word = scanner.word();
  if (word === undefined) return false;
  const isSpaced = scanner.skipBlanks();
  if (scanner.take('=')) return addParameter(drafts.at(-1)?.parameters, word, scanner);
  const parameters = new Map<string, string>();
  drafts.push({ scheme: word.toLowerCase(), parameters });
  return !isSpaced || scanner.isAtSeparator || readFirstParameter(parameters, scanner);
}

/** What follows a scheme: its first parameter, or a token68 such as that of Negotiate, which nothing here needs. */
function readFirstParameter(parameters: Map<string, string>, scanner: Scanner): boolean {
  const name = scanner.word();
  if (name === undefined) return false;
  scanner.skipBlanks();
  if (!scanner.take('=')) return true;
  return addParameter(parameters, name, scanner);
}

function addParameter(parameters: Map<string, string> | undefined, name: string, scanner: Scanner): boolean {
  scanner.skipBlanks();
  const value = scanner.word();
  if (value === undefined) return scanner.skipPadding();
  const key = name.toLowerCase();
  if (!parameters) return false;
  if (!parameters.has(key)) parameters.set(key, value);
  return true;
}

const TOKEN_CHARACTER = /[!#$%&'*+\-.^_`|~\w/:@?;()]/;

/** Goes through a line once, from left to right. */
class Scanner {
  readonly #text: string;
  #at = 0;
  /** True once a quoted string did not end. */
  isBroken = false;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  get isAtSeparator(): boolean {
    return this.isAtEnd || this.#text[this.#at] === ',';
  }

  take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  /** True when there were any. */
  skipBlanks(): boolean {
    const start = this.#at;
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at += 1;
    return this.#at > start;
  }

  /** True when something follows them. */
  skipSeparators(): boolean {
    while (this.skipBlanks() || this.take(','));
    return !this.isAtEnd;
  }

  /** The `=` at the end of a token68. */
  skipPadding(): boolean {
    while (this.take('='));
    this.skipBlanks();
    return this.isAtSeparator;
  }

  /** A token or a quoted string without its quotes; undefined when there is none or the quotes do not end. */
  word(): string | undefined {
    return this.take('"') ? this.#quoted() : this.#token();
  }

  #token(): string | undefined {
    const start = this.#at;
    while (TOKEN_CHARACTER.test(this.#text[this.#at] ?? ',')) this.#at += 1;
    return this.#at === start ? undefined : this.#text.slice(start, this.#at);
  }

  #quoted(): string | undefined {
    const characters: string[] = [];
    for (; !this.isAtEnd; this.#at += 1) {
      if (this.take('"')) return characters.join('');
      if (this.#text[this.#at] === '\\') this.#at += 1;
      characters.push(this.#text[this.#at] ?? '');
    }
    this.isBroken = true;
    return undefined;
  }
}
