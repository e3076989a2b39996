// What happens once before all tests? The command line is built when src/ is newer than dist/, so that no test runs an old one.
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, filesBelow } from './source.ts';

export async function setup(): Promise<void> {
  const built = join(ROOT, 'dist/cli/main.js');
  const sources = [
    ...(await filesBelow('src')).map((path) => join('src', path)),
    'scripts/bundle.js',
    'package-lock.json',
  ];
  const newest = Math.max(...sources.map((path) => statSync(join(ROOT, path)).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  try {
    execFileSync(process.execPath, [join(ROOT, 'scripts/build.js'), '--cli'], { stdio: 'pipe' });
  } catch {
    console.warn('the command line could not be built (`npm run build` says why): tests that start it use an old one');
  }
}
