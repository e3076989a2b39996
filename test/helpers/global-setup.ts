// What happens once before all tests? What src/ is newer than is built, so that no test runs an old one.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isBuilt } from '../../scripts/setup.js';
import { ROOT } from './source.ts';

export async function setup(): Promise<void> {
  if (await isBuilt(ROOT, 'dist/index.js')) return;
  // The second does without types, so that tests can run while they are wrong.
  for (const flags of [[], ['--cli']]) {
    try {
      execFileSync(process.execPath, [join(ROOT, 'scripts/build.js'), ...flags], { stdio: 'pipe' });
      return;
    } catch {
      console.warn(`npm run build ${flags.join(' ')} fails: tests that start hubctl use an old one`);
    }
  }
}
