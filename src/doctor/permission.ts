// Do the credentials of this user open what is wanted?
import { chooseChallenge, parseChallenges, type Challenge } from '../auth/challenge.ts';
import { checkRealmPin, resolveRealm } from '../auth/realm.ts';
import { basicAuthorization, fetchToken } from '../auth/token.ts';
import type { Credential } from '../credentials/credentials.ts';
import { HubError } from '../errors.ts';
import { systemClock } from '../http/clock.ts';
import type { HttpResponse, Send } from '../http/layer.ts';
import { grantedActions } from './grants.ts';
import { attempt, failed, isStep, ok, type Step } from './step.ts';
import { parseUrl } from '../util/url.ts';

export interface Visitor {
  readonly registry: string;
  /** Undefined when only the registry as a whole is meant. */
  readonly repository: string | undefined;
  readonly credential: Credential | undefined;
  readonly send: Send;
  readonly signal?: AbortSignal | undefined;
}

export interface Permission {
  /** Value of the Authorization header; undefined where none is wanted. */
  readonly authorization: string | undefined;
  /** False when the token says that it is not for pushing; undefined when nobody said. */
  readonly mayPush?: boolean | undefined;
}

/** Answers the challenge of a registry; gives what to send from now on unless a step failed. */
export async function* examinePermission(
  answer: HttpResponse,
  visitor: Visitor,
): AsyncGenerator<Step, Permission | undefined> {
  if (answer.status === 200) {
    yield ok('challenge', 'none');
    return { authorization: undefined };
  }
  const lines = answer.headers.all('www-authenticate');
  const challenge = chooseChallenge(parseChallenges(lines));
  if (!challenge) {
    const what = lines.length === 0 ? 'does not say how' : 'names no way that hubctl knows';
    return void (yield failed(
      'challenge',
      new HubError('UNAUTHORIZED', `${visitor.registry} wants a login and ${what}`),
    ));
  }
  yield ok('challenge', describe(challenge));
  const permission = await attempt(challenge.scheme === 'bearer' ? 'token' : 'login', () =>
    permissionFor(answer.url, challenge, visitor),
  );
  if (isStep(permission)) return void (yield permission);
  yield permission.step;
  return permission.step.state === 'ok' ? permission : undefined;
}

function describe({ scheme, parameters }: Challenge): string {
  if (scheme === 'basic') return 'a user name and a password with every request (Basic)';
  const { realm = '', service } = parameters;
  const url = parseUrl(realm);
  const where = url ? url.origin + url.pathname : 'no address';
  return `a token from ${where}${service === undefined ? '' : ` for ${service}`} (Bearer)`;
}

interface Granted extends Permission {
  readonly step: Step;
}

async function permissionFor(url: URL, challenge: Challenge, visitor: Visitor): Promise<Granted> {
  const { credential, registry } = visitor;
  if (credential?.kind === 'bearer') {
    return {
      authorization: `Bearer ${credential.token}`,
      step: ok('token', 'a token that was stored is used as it is'),
    };
  }
  if (challenge.scheme === 'bearer') return tokenFor(url, challenge, visitor);
  if (credential) {
    const { username = '' } = credential;
    const secret = credential.kind === 'basic' ? credential.password : credential.token;
    return { authorization: basicAuthorization(username, secret), step: ok('login', `as ${username}`) };
  }
  throw new HubError('UNAUTHORIZED', `${registry} wants a login, and no credentials are stored for it`, {
    hint: `log in with: hubctl login ${registry}`,
  });
}

async function tokenFor(url: URL, { parameters }: Challenge, visitor: Visitor): Promise<Granted> {
  const { registry, repository, credential, send } = visitor;
  const realm = resolveRealm(parameters['realm'] ?? '', url);
  if (credential) checkRealmPin(realm, { name: registry, url, pinned: undefined });
  // Nobody is let in to push without a name, and some services refuse the whole wish then.
  const wanted = credential ? ['pull', 'push'] : ['pull'];
  const scopes = repository === undefined ? [] : [`repository:${repository}:${wanted.join(',')}`];
  const request = { realm, service: parameters['service'], scopes, credential, clientId: 'hubctl', namedBy: url };
  const token = await fetchToken(request, { send: withSignal(send, visitor.signal), clock: systemClock }).catch(
    (error: unknown) => {
      throw HubError.is(error, 'UNAUTHORIZED') || HubError.is(error, 'DENIED') ? refused(error, visitor) : error;
    },
  );
  const authorization = `Bearer ${token.value}`;
  if (repository === undefined) return { authorization, step: ok('token', 'granted') };
  return { authorization, ...judge(grantedActions(token.value, repository), { ...visitor, repository }) };
}

function withSignal(send: Send, signal: AbortSignal | undefined): Send {
  if (!signal) return send;
  return (request) =>
    send({ ...request, signal: AbortSignal.any([signal, ...(request.signal ? [request.signal] : [])]) });
}

/** A token service may grant less than it was asked for, down to nothing, without a word. */
function judge(
  actions: readonly string[] | undefined,
  { registry, repository, credential }: Visitor & { readonly repository: string },
): Omit<Granted, 'authorization'> {
  if (actions === undefined) return { step: ok('token', 'granted; it does not say for what') };
  const may = (action: string): boolean => actions.includes(action) || actions.includes('*');
  const mayPush = may('push');
  if (may('pull')) {
    const rest = mayPush ? '' : `, not push${credential ? '' : ', for want of a login'}`;
    return { mayPush, step: ok('token', `grants ${actions.join(', ')} on ${repository}${rest}`) };
  }
  const grants = actions.length === 0 ? 'nothing' : actions.join(', ');
  const message = `the token grants ${grants} on ${repository}, not pull`;
  const hint = credential
    ? `ask whoever runs ${registry} for access to ${repository}, or log in with another account: hubctl login ${registry}`
    : `log in with: hubctl login ${registry}`;
  return { mayPush, step: failed('token', new HubError(credential ? 'DENIED' : 'UNAUTHORIZED', message, { hint })) };
}

function refused(error: HubError, { registry, credential }: Visitor): HubError {
  const hint = credential
    ? `the stored credentials are not accepted; replace them with: hubctl login ${registry}`
    : `log in with: hubctl login ${registry}`;
  return new HubError(error.code, error.message, { cause: error, hint });
}
