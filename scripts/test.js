// Do the tests pass, on a fresh clone too? Sets up what is missing, then hands its arguments to vitest.
import { setUp } from './setup.js';

try {
  await setUp();
} catch (error) {
  console.error(`hubctl: the tests cannot run: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
process.argv.splice(2, 0, 'run');
await import(new URL('../node_modules/vitest/vitest.mjs', import.meta.url).href);
