// How is a file named that shall not outlive the process that writes it, and who may remove it if it does?
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { lstatIfExistsSync, namesInSync, removeIfExistsSync } from './fs-sync.ts';
import { isRunning, ownPid, place } from './machine.ts';

/** A file of another machine, or of before a restart, is abandoned when nobody has written to it for so long. */
const ABANDONED = 60 * 60 * 1000; // milliseconds
const NAME = /([a-f0-9]{8})-(\d+)-[a-f0-9]{16}\.tmp$/;

/** Chance, once, and a number: what else has this process id, such as another thread, has other names. */
const own = randomBytes(4).toString('hex');
let count = 0;

/** A new name: the prefix, where process ids mean something, the process id, and what no other name has. */
export function temporaryName(prefix: string): string {
  count += 1;
  return `${prefix}${here()}-${ownPid}-${own}${count.toString(16).padStart(8, '0')}.tmp`;
}

export function isTemporary(name: string): boolean {
  return NAME.test(name);
}

/**
 * Removes the temporary files whose names begin so whose process has died, and those of other machines that are an hour older
 * than `now`, the time of the file system in milliseconds since 1970. Throws what the file system says.
 */
export function removeAbandoned(directory: string, prefix: string, now: number): void {
  for (const name of namesInSync(directory)) {
    if (!name.startsWith(prefix)) continue;
    const [, where, pid] = NAME.exec(name) ?? [];
    if (where === undefined) continue;
    const path = join(directory, name);
    const isDead = where === here() ? !isRunning(Number(pid)) : isOld(path, now);
    if (isDead) removeIfExistsSync(path);
  }
}

function isOld(path: string, now: number): boolean {
  const stats = lstatIfExistsSync(path);
  return stats !== undefined && now - stats.mtimeMs > ABANDONED;
}

let known: string | undefined;

/** Machine, boot and process namespace in eight digits: process ids mean something only within one. */
function here(): string {
  known ??= createHash('sha256').update(place()).digest('hex').slice(0, 8);
  return known;
}
