// Which answers are the same for everybody, so that they can be written down when hubctl is built?
import { completionScript } from './completion.ts';
import { helpFor } from './help.ts';
import { versionLine } from './version.ts';
import { allWords, isGroup } from './words.ts';

const SHELLS = ['bash', 'zsh', 'fish', 'pwsh', 'powershell'];

/** Text by name: `version`, `help`, `help.image.ls`, `completion.bash`. bin/hubctl.js finds them without loading a program. */
export async function fixedAnswers(): Promise<ReadonlyMap<string, string>> {
  const groups = allWords().flatMap((words) => words.split(' ', 1).filter(isGroup));
  const commands = [...new Set([...allWords(), ...groups])].map((words) => words.split(' '));
  const help = [[], ...commands].map(async (words) => [['help', ...words].join('.'), await helpFor(words)] as const);
  const completion = SHELLS.map(async (shell) => [`completion.${shell}`, await completionScript(shell)] as const);
  return new Map([['version', versionLine()], ...(await Promise.all([...help, ...completion]))]);
}
