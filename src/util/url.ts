// Is a text a URL, and which?

/** Undefined for what is none. `URL.canParse` is not asked: in Node.js 20 its fast form takes Latin-1 for UTF-8, and errs. */
export function parseUrl(text: string, base?: URL | string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
