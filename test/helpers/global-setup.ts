// What happens once before all tests? The command line is built when src/ is newer than dist/, so that no test runs an old one.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isBuilt } from '../../scripts/setup.js';
import { ROOT } from './source.ts';

export async function setup(): Promise<void> {
  if (await isBuilt(ROOT, 'dist/cli/main.js')) return;
  try {
    execFileSync(process.execPath, [join(ROOT, 'scripts/build.js'), '--cli'], { stdio: 'pipe' });
  } catch {
    console.warn('the command line could not be built (`npm run build` says why): tests that start it use an old one');
  }
}
