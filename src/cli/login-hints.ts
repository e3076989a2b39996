// What does a registry expect as the password, when it is not the one of the account?
import { canonicalServer } from '../credentials/aliases.ts';

const HUB_TOKENS = 'https://app.docker.com/settings/personal-access-tokens';

interface Rule {
  readonly host: RegExp;
  readonly hint: string;
}

/** Registries that refuse what people try first [the registries' own documentation]. */
const RULES: readonly Rule[] = [
  { host: /^docker\.io$/, hint: `Docker Hub takes a personal access token as the password; make one at ${HUB_TOKENS}` },
  {
    host: /^ghcr\.io$/,
    hint: 'the password is a personal access token (classic) with read:packages or write:packages',
  },
  {
    host: /^(?:public\.ecr\.aws|\d+\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)$/,
    hint: 'the user name is AWS, and the password comes from: aws ecr get-login-password',
  },
  {
    host: /(?:^|\.)(?:gcr\.io|pkg\.dev)$/,
    hint: 'the user name is oauth2accesstoken, and the password comes from: gcloud auth print-access-token',
  },
  {
    host: /\.azurecr\.io$/,
    hint: 'a token comes from: az acr login --expose-token; its user name is 00000000-0000-0000-0000-000000000000',
  },
  { host: /^quay\.io$/, hint: 'with single sign-on, use a robot account (NAMESPACE+ROBOT) or an encrypted password' },
  {
    host: /^registry\.gitlab\.com$/,
    hint: 'with two-factor authentication, the password is a personal access token with read_registry',
  },
];

/** The next step for somebody whose password was refused. */
export function passwordHint(server: string): string {
  const name = canonicalServer(server);
  return (
    RULES.find(({ host }) => host.test(name))?.hint ??
    'check the user name and the password; many registries want a token in place of the password'
  );
}

/** Said before somebody is asked for the account of Docker Hub. */
export const HUB_INTRODUCTION: string = `Log in with your Docker ID and a personal access token, which you make at ${HUB_TOKENS}`;
