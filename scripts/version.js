// How does src/version.ts learn the version that `npm version` chose?
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './bundle.js';

const file = join(ROOT, 'src/version.ts');
const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
const text = await readFile(file, 'utf8');
await writeFile(file, text.replace(/'[^']*';\n$/, `'${version}';\n`));
