// How does a command show its progress that must not say anything in a script, such as save and load?
import type { Context } from './context.ts';
import type { TransferView } from './output/output.ts';

/** Progress on a terminal and as JSON; otherwise warnings only, as docker does for archives. */
export function terminalTransfer({ io, output }: Pick<Context, 'io' | 'output'>): TransferView {
  if (io.stderr.isTTY === true || output.json) return output.transfer({ direction: 'copy' });
  return {
    onEvent: (event) => {
      if (event.type === 'warning') output.warn(event.message);
    },
    finish: () => undefined,
  };
}
