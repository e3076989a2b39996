import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEndpoint } from '../../src/endpoints/open.ts';
import { openServices } from '../../src/cli/open-services.ts';
import { newContext } from '../helpers/context.ts';

describe('what endpoints are opened with', () => {
  it('takes relative paths from the folder of the command', async () => {
    const { context } = newContext();
    await using opened = await openEndpoint('oci:some/layout:1', openServices(context));
    expect(opened.endpoint.name).toContain(join(context.io.cwd, 'some', 'layout'));
  });
});
