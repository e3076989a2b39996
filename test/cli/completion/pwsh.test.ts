import { expect, test } from 'vitest';
import { pwshScript } from '../../../src/cli/completion/pwsh.ts';
import { MODEL } from '../../helpers/completion-model.ts';
import { hasShell, output, withScript } from '../../helpers/shells.ts';

test('quotes end no string', () => {
  expect(pwshScript(MODEL)).toContain(`, @('pull', 'Pull, don''t push: [now]')`);
  expect(pwshScript(MODEL)).toContain(`, @('--progress', 'it''s shown')`);
});

test('no table has a key twice', () => {
  const [words = '', flags = ''] = pwshScript(MODEL).split('$flags = @{');
  for (const table of [words, flags]) {
    const keys = [...table.matchAll(/^ {8}'([^']*)' = @\(/gm)].map(([, key]) => key);
    expect(keys).toEqual([...new Set(keys)]);
  }
});

test.runIf(await hasShell('pwsh'))('PowerShell reads the script without complaint', async () => {
  await withScript(pwshScript(MODEL), (path) =>
    output('pwsh', [
      '-NoProfile',
      '-Command',
      `$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile('${path}', [ref]$null, [ref]$errors); exit $errors.Count`,
    ]),
  );
});
