// Who asks, and may they?
import type { IncomingHttpHeaders } from 'node:http';
import type { Accounts } from './htpasswd.ts';
import { refusal } from './wire.ts';

const CHALLENGE = 'Basic realm="hubctl registry", charset="UTF-8"';
const LONGEST = 8192; // characters of a header

/** The name of the account, undefined where everybody may ask. Throws UNAUTHORIZED with a challenge. */
export async function authorize(
  headers: IncomingHttpHeaders,
  accounts: Accounts | undefined,
): Promise<string | undefined> {
  if (!accounts) return undefined;
  const login = parseBasic(headers.authorization);
  if (login && (await accounts.check(login.username, login.password))) return login.username;
  throw refusal('UNAUTHORIZED', { headers: { 'www-authenticate': CHALLENGE } });
}

interface Login {
  readonly username: string;
  readonly password: string;
}

/** RFC 7617; undefined for anything else. */
function parseBasic(header = ''): Login | undefined {
  if (header.length > LONGEST) return undefined;
  const [, encoded] = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
