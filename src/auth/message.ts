// What does a token service say about why it refuses?
import { redactText } from '../http/redact.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { safeText } from '../util/text.ts';

const LONGEST = 200;

/**
 * The message in the body of a refusal, in one line of at most 200 characters without controls and secrets: errors JSON
 * of a registry, `details` of Docker Hub, `error_description` of OAuth, or the first line of plain text. Undefined for
 * an empty body and for a web page [distribution-spec Error Codes].
 */
export function serviceMessage(body: string, contentType: string | undefined): string | undefined {
  const text = fromJson(body) ?? fromText(body, contentType);
  const line = text?.replaceAll(/\s+/g, ' ').trim() ?? '';
  return line === '' ? undefined : safeText(redactText(line).slice(0, LONGEST));
}

function fromJson(body: string): string | undefined {
  const value = parsed(body);
  if (!isRecord(value)) return undefined;
  const [first] = Array.isArray(value['errors']) ? (value['errors'] as readonly unknown[]) : [];
  const error = isRecord(first) ? first : value;
  for (const name of ['message', 'error_description', 'details', 'detail', 'error', 'code']) {
    const text = error[name];
    if (typeof text === 'string' && text !== '') return text;
  }
  return undefined;
}

function parsed(body: string): unknown {
  if (!/^\s*\{/.test(body)) return undefined;
  try {
    return parseJson(body, 'an error message');
  } catch {
    return undefined;
  }
}

function fromText(body: string, contentType: string | undefined): string | undefined {
  const isPage = /html/i.test(contentType ?? '') || /^\s*</.test(body);
  const isJson = /^\s*[[{]/.test(body);
  return isPage || isJson ? undefined : body.trim().split('\n', 1)[0];
}
