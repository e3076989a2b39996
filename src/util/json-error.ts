// Where does a text stop being JSON?

/** Characters of a string that stand for themselves, or one escape. */
const STRING_PIECE = /[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;

/**
 * Index of the first character that does not belong there, the length of the text when its end comes too early, and
 * undefined when it is JSON [RFC 8259]. `JSON.parse` says so for some errors only, and differently in each Node.js. Costs
 * stack for every level of nesting, so the caller has to bound that first.
 */
export function jsonErrorAt(text: string): number | undefined {
  const scanner = new Scanner(text);
  return scanner.passDocument() ? undefined : scanner.index;
}

/** Every `pass…` moves on over what it is named for, and says false, standing at the wrong character, when it is not there. */
class Scanner {
  readonly #text: string;
  index = 0;

  constructor(text: string) {
    this.#text = text;
  }

  passDocument(): boolean {
    if (!this.#passValue()) return false;
    this.#pass(BLANK);
    return this.index === this.#text.length;
  }

  #passValue(): boolean {
    this.#pass(BLANK);
    switch (this.#text[this.index]) {
      case '{':
        return this.#passList('}', () => this.#passMember());
      case '[':
        return this.#passList(']', () => this.#passValue());
      case '"':
        return this.#passString();
      default:
        return this.#pass(SCALAR);
    }
  }

  #passList(close: string, passItem: () => boolean): boolean {
    this.index += 1;
    if (this.#passMark(close)) return true;
    do if (!passItem()) return false;
    while (this.#passMark(','));
    return this.#passMark(close);
  }

  #passMember(): boolean {
    this.#pass(BLANK);
    return this.#text[this.index] === '"' && this.#passString() && this.#passMark(':') && this.#passValue();
  }

  #passString(): boolean {
    this.index += 1;
    let isInside = true;
    while (isInside) isInside = this.#pass(STRING_PIECE);
    if (this.#text[this.index] !== '"') return false;
    this.index += 1;
    return true;
  }

  #passMark(mark: string): boolean {
    this.#pass(BLANK);
    if (this.#text[this.index] !== mark) return false;
    this.index += 1;
    return true;
  }

  #pass(pattern: RegExp): boolean {
    pattern.lastIndex = this.index;
    if (!pattern.test(this.#text)) return false;
    this.index = pattern.lastIndex;
    return true;
  }
}
