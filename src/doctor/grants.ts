// What does a token allow, as far as it says so?
import { isRecord } from '../util/json.ts';

const LONGEST = 64 * 1024;
const MOST = 100;

/**
 * Actions on a repository that the `access` claim of a token grants; undefined for a token that does not tell, since it
 * may be anything [distribution token specification, JWT]. The signature is for the registry to check.
 */
export function grantedActions(token: string, repository: string): readonly string[] | undefined {
  const claims = claimsOf(token);
  const access = claims?.['access'];
  if (!Array.isArray(access)) return undefined;
  const grants = access.slice(0, MOST).filter((grant: unknown) => isRecord(grant) && isFor(grant, repository));
  const actions = grants.flatMap((grant: Readonly<Record<string, unknown>>) => grant['actions']);
  return [...new Set(actions.filter((action) => typeof action === 'string'))];
}

function isFor({ type, name }: Readonly<Record<string, unknown>>, repository: string): boolean {
  return type === 'repository' && name === repository;
}

function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const [, body] = token.split('.');
  if (body === undefined || token.length > LONGEST) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
