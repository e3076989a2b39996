// A folder laid out as hubctl is, with another program in it.
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packed } from '../../scripts/pack.js';
import { ROOT } from './source.ts';

/** `parts` are what modules are in the bundle, by the names of their files; `main.js` is started. Gives the folder. */
export async function programOf(parts: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hubctl-program-'));
  await cp(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await mkdir(join(folder, 'dist', 'cli', 'answers'), { recursive: true });
  const chunks = Object.entries(parts).map(([path, text]) => ({ path, text }));
  await writeFile(join(folder, 'dist', 'cli', 'pack.js'), await packed(chunks, {}), 'latin1');
  return folder;
}
