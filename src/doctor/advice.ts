// What is to be done, in one sentence, after everything was looked at?
import type { Step } from './step.ts';

export interface Subject {
  /** What was asked about, as people write it; undefined for the machine alone. */
  readonly name: string | undefined;
  /** Canonical registry. */
  readonly registry: string;
}

const WITHOUT_HINT = 'see what happens with --debug, and report it if it makes no sense';

/** Names the first failure and its remedy; else what is possible. */
export function adviceFor(steps: readonly Step[], { name, registry }: Subject): string {
  const failure = steps.find(({ state }) => state === 'failed');
  if (failure) return sentence(`${failure.message}: ${failure.hint ?? WITHOUT_HINT}`);
  if (name === undefined) return 'This machine is ready; to look at a registry or an image as well, name it.';
  const token = steps.find((step) => step.name === 'token')?.message ?? '';
  if (token.includes('not push, for want')) {
    return `${name} can be pulled; to push to it, log in with: hubctl login ${registry}`;
  }
  if (token.includes('not push')) return `${name} can be pulled, but this account may not push to it.`;
  return `${name} can be used from here; nothing is wrong.`;
}

/** A remedy may end in a command line, to which a full stop would seem to belong. */
function sentence(text: string): string {
  const whole = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?]$|: (?:hubctl|curl|openssl) .*$/.test(whole) ? whole : `${whole}.`;
}
