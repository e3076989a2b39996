// What did docker write to ~/.dockercfg before it had a config.json?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { HUB_KEY } from './aliases.ts';
import { renderDocument } from './json-text.ts';

export interface OldConfig {
  /** JSON that edits can start from: the file itself, or its two lines written as JSON. */
  readonly text: string;
  readonly auths: Readonly<Record<string, unknown>>;
}

/**
 * Reads the JSON map from server to `{auth, email}` of docker 0.5.1 to 1.6, and the two lines `auth = ...` and
 * `email = ...` before that, which meant Docker Hub only [docker before 1.7]. `file` names it in messages. Throws CONFIG_INVALID.
 */
export function parseOldConfig(text: string, file: string): OldConfig {
  if (text.trim() === '') return { text: '', auths: {} };
  if (/^\uFEFF?\s*\{/.test(text)) return { text, auths: parseMap(text, file) };
  const entry = parseTwoLines(text, file);
  const auths = { [HUB_KEY]: entry };
  return { text: renderDocument(auths), auths };
}

function parseMap(text: string, file: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text, file, { code: 'CONFIG_INVALID' });
  if (!isRecord(value)) throw new HubError('CONFIG_INVALID', `${file} is not a JSON object`);
  return value;
}

function parseTwoLines(text: string, file: string): Readonly<Record<string, string>> {
  const [first, second] = text.split('\n');
  if (first === undefined || second === undefined) throw invalid(file, 'has neither JSON nor two lines');
  const auth = valueOf(first);
  const email = valueOf(second);
  if (auth === undefined || email === undefined)
    throw invalid(file, 'has lines other than "auth = ..." and "email = ..."');
  return email === '' ? { auth } : { auth, email };
}

function valueOf(line: string): string | undefined {
  const parts = line.replace(/\r$/, '').split(' = ');
  return parts.length === 2 ? parts[1]?.trim() : undefined;
}

function invalid(file: string, what: string): HubError {
  return new HubError('CONFIG_INVALID', `${file} ${what}`, { hint: 'move it away and log in again' });
}
