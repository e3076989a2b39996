// Which version is this, in the words of the command line?
import { VERSION } from '../version.ts';
import type { Io } from './io.ts';

export interface VersionFacts {
  readonly Version: string;
  readonly NodeVersion: string;
  readonly Os: string;
  readonly Arch: string;
}

/** Answer to --version. */
export function versionLine(): string {
  return `hubctl version ${VERSION}\n`;
}

export function versionFacts({ nodeVersion, platform, arch }: Io): VersionFacts {
  return { Version: VERSION, NodeVersion: nodeVersion ?? '', Os: platform, Arch: arch };
}

/** Answer to `hubctl version`. */
export function versionText(io: Io): string {
  const { Version, NodeVersion, Os, Arch } = versionFacts(io);
  return `hubctl:\n Version:   ${Version}\n Node.js:   ${NodeVersion}\n OS/Arch:   ${Os}/${Arch}\n`;
}
