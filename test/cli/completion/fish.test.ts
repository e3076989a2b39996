import { expect, test } from 'vitest';
import { fishScript } from '../../../src/cli/completion/fish.ts';
import { MODEL } from '../../helpers/completion-model.ts';
import { hasShell, output, withScript } from '../../helpers/shells.ts';

test('quotes and backslashes end no string', () => {
  expect(fishScript(MODEL)).toContain(`-a 'pull' -d 'Pull, don\\'t push: [now]'`);
  expect(fishScript(MODEL)).toContain(`-d 'Push \\\\ "it"'`);
});

test('flags belong to their command', () => {
  expect(fishScript(MODEL)).toContain(
    `complete -c hubctl -n '__fish_seen_subcommand_from image; and __fish_seen_subcommand_from pull' -s a -l all-tags -d 'help for all-tags'`,
  );
});

test('values are offered as they are declared', () => {
  const script = fishScript(MODEL);
  expect(script).toContain(`complete -c hubctl -l progress -x -a 'auto plain' -d 'it\\'s shown'`);
  expect(script).toContain(`complete -c hubctl -l store -r -F -d 'help for store'`);
  expect(script).toContain(`complete -c hubctl -n '__fish_seen_subcommand_from load' -F`);
  expect(script).toContain(`complete -c hubctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh'`);
});

test.runIf(await hasShell('fish'))('fish reads the script without complaint', async () => {
  await withScript(fishScript(MODEL), (path) => output('fish', ['--no-execute', path]));
});
