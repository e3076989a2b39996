// Can others on this machine lead away what is written into the store?
import { lstatSync, statSync, type Stats } from 'node:fs';
import { HubError } from '../../errors.ts';
import { ownUser } from '../../util/machine.ts';

const EVERYBODY = 0o002;
const ROOT = 0;

/**
 * Looks at folders that exist, the store first: what everybody may write to, somebody may exchange for a link while it is
 * written to, and a link of another user leads where that user wants. Where there are no users and modes, as on Windows, all
 * is well. Throws STORAGE.
 */
export function checkFolders(
  [dir = '', ...parts]: readonly string[],
  { user }: { readonly user: number | undefined } = { user: ownUser },
): void {
  if (user === undefined) return;
  if (isOpenToAll(statSync(dir))) throw refusal(`everybody on this machine may write to the store ${dir}`, dir);
  for (const part of parts) {
    const stats = lstatSync(part);
    if (stats.isSymbolicLink() && stats.uid !== user && stats.uid !== ROOT) {
      throw refusal(`${part} is a link that another user made`, dir);
    }
    if (isOpenToAll(statSync(part))) throw refusal(`everybody on this machine may write to ${part}`, dir);
  }
}

function isOpenToAll({ mode }: Stats): boolean {
  return (mode & EVERYBODY) !== 0;
}

function refusal(message: string, dir: string): HubError {
  return new HubError('STORAGE', message, {
    hint: 'take that right away with chmod o-w, or choose a folder of your own with --store or HUBCTL_HOME',
    details: { dir },
  });
}
