import { expect, test } from 'vitest';
import { zshScript } from '../../../src/cli/completion/zsh.ts';
import { MODEL } from '../../helpers/completion-model.ts';
import { hasShell, output, withScript } from '../../helpers/shells.ts';

test('the script can be a file of fpath, or be sourced', () => {
  expect(zshScript(MODEL)).toMatch(/^#compdef hubctl\n/);
  expect(zshScript(MODEL)).toContain('compdef _hubctl hubctl');
});

test('what has a meaning in a description is escaped', () => {
  expect(zshScript(MODEL)).toContain(`'pull:Pull, don'\\''t push\\: \\[now\\]'`);
  expect(zshScript(MODEL)).toContain(`'--progress[it'\\''s shown]: :(auto plain)'`);
});

test('a flag with two spellings is offered in one of them', () => {
  expect(zshScript(MODEL)).toContain("'(-a --all-tags)-a[help for all-tags]'");
});

test.runIf(await hasShell('zsh'))('zsh reads the script without complaint', async () => {
  await withScript(zshScript(MODEL), (path) => output('zsh', ['-n', path]));
});
