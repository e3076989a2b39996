import { expect, test } from 'vitest';
import { HUB_INTRODUCTION, passwordHint } from '../../src/cli/login-hints.ts';

test.each([
  ['docker.io', 'https://app.docker.com/settings/personal-access-tokens'],
  ['https://index.docker.io/v1/', 'personal access token'],
  ['ghcr.io', 'read:packages'],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'aws ecr get-login-password'],
  ['public.ecr.aws', 'aws ecr get-login-password'],
  ['europe-docker.pkg.dev', 'oauth2accesstoken'],
  ['gcr.io', 'oauth2accesstoken'],
  ['team.azurecr.io', 'az acr login'],
  ['quay.io', 'robot'],
  ['registry.gitlab.com', 'read_registry'],
  ['localhost:5000', 'check the user name'],
  ['notgcr.io', 'check the user name'],
])('%s wants %s', (server, hint) => expect(passwordHint(server)).toContain(hint));

test('the introduction says where a token is made', () => {
  expect(HUB_INTRODUCTION).toContain('https://app.docker.com/settings/personal-access-tokens');
});
