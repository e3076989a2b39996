// The program of a thread that reads, as the command line has it.
import { bundleThread } from '../../scripts/bundle.js';

let text: Promise<string> | undefined;

export function threadProgram(): Promise<string> {
  text ??= bundleThread();
  return text;
}
