// What does a text such as `oci:./out` need to be opened from the command line?
import type { OpenServices } from '../endpoints/open.ts';
import type { Context } from './context.ts';
import { machinePlatform } from './platforms.ts';

/** Stores and registries of this command, its streams and folder; nothing is opened before it is needed. */
export function openServices(context: Context): OpenServices {
  const { io, output, signal } = context;
  return {
    store: () => context.store(),
    registries: () => context.registries(),
    stdin: io.stdin,
    stdout: io.stdout,
    cwd: io.cwd,
    host: machinePlatform(context),
    signal,
    onWarning: (message) => output.warn(message),
  };
}
