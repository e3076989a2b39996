import { describe, expect, it } from 'vitest';
import { createOutput } from '../../src/cli/output/create.ts';
import { terminalTransfer } from '../../src/cli/terminal-transfer.ts';
import { fakeIo } from '../helpers/terminal.ts';

const descriptor = { mediaType: 'x', digest: `sha256:${'a'.repeat(64)}`, size: 1 };
const finished = { type: 'finished', reference: 'r', descriptor, kind: 'layer', outcome: 'copied' } as const;

describe('the progress of save and load', () => {
  it('is silent in a script, but for warnings', () => {
    const io = fakeIo({});
    const output = createOutput({ io, json: false, quiet: false, format: undefined, progress: 'auto' });
    const view = terminalTransfer({ io, output });
    view.onEvent(finished);
    view.onEvent({ type: 'warning', message: 'careful' });
    view.finish();
    expect(io.stderr.text).toBe('WARNING: careful\n');
  });

  it('is told with --json', () => {
    const io = fakeIo({});
    const output = createOutput({ io, json: true, quiet: false, format: undefined, progress: 'auto' });
    const view = terminalTransfer({ io, output });
    view.onEvent(finished);
    view.finish();
    expect(io.stderr.text).toContain('"finished"');
  });
});
