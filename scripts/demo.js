// What does hubctl do? Shows its main job on a registry of its own, on this machine alone, and leaves nothing behind.
import { parseArgs } from 'node:util';
import { setUp } from './setup.js';
import { startStage } from './demo/stage.js';
import { playDemo } from './demo/story.js';

const USAGE = `Usage: npm run demo [-- --keep]

  --keep  leave the registry running, and say what to try on it`;

/** @param {unknown} error */
const textOf = (error) => (error instanceof Error ? error.message : String(error));

/** @returns {{ readonly keep?: boolean, readonly help?: boolean }} */
function options() {
  try {
    return parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    console.error(`demo: ${textOf(error)}\n${USAGE}`);
    process.exit(2);
  }
}

const { keep = false, help = false } = options();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
try {
  await setUp();
} catch (error) {
  console.error(`demo: cannot set up: ${textOf(error)}`);
  process.exit(1);
}
const stage = await startStage({ keep }).catch((error) => {
  console.error(`demo: cannot start: ${textOf(error)}`);
  process.exit(1);
});
try {
  await playDemo(stage);
} catch (error) {
  stage.fail(error);
} finally {
  await stage.close();
}
