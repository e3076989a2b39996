// What does it mean for the whole store that one of its files cannot be written?
import { HubError } from '../../errors.ts';

const MEANING: Readonly<Record<string, string>> = {
  EROFS: 'is read-only',
  EACCES: 'may not be written to by this user',
  EPERM: 'may not be written to by this user',
};

/** Names the store where its directory is the problem, not the file that happened to be the first. Gives other errors as they are. */
export function storeFailure(error: unknown, dir: string): unknown {
  if (!HubError.is(error, 'STORAGE')) return error;
  const meaning = MEANING[String(error.details['errno'])];
  if (meaning === undefined) return error;
  return new HubError('STORAGE', `the store ${dir} ${meaning}`, {
    cause: error,
    hint: 'choose another place with --store or HUBCTL_HOME',
    details: { ...error.details, dir },
  });
}
