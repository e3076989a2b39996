// Is the image there, and how much may still be pulled?
import { wireError } from '../endpoints/registry/errors.ts';
import { HubError } from '../errors.ts';
import { parseRateLimit, type RateLimit } from '../http/headers.ts';
import type { HttpResponse, Send } from '../http/layer.ts';
import { algorithmOf, isDigest, shortDigest } from '../spec/digest.ts';
import { MANIFEST_ACCEPT } from '../spec/media-types.ts';
import { attempt, isStep, ok, type Step } from './step.ts';

export interface Wanted {
  readonly origin: URL;
  readonly registry: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  readonly authorization: string | undefined;
  /** True when credentials were sent. */
  readonly isLoggedIn: boolean;
  readonly send: Send;
  readonly signal?: AbortSignal | undefined;
}

/** Asks by HEAD, which counts as no pull. */
export async function* examineImage(wanted: Wanted): AsyncGenerator<Step, void> {
  const { registry, repository, reference } = wanted;
  const name = `${repository}${isDigest(reference) ? '@' : ':'}${reference}`;
  const answer = await attempt('image', async () => {
    const response = await head(wanted);
    if (response.status === 200) return response;
    const context = { operation: `look for ${name}`, subject: `${registry}/${repository}`, registry, method: 'HEAD' };
    throw explained(await wireError(response, context), wanted, name);
  });
  if (isStep(answer)) return void (yield answer);
  answer.body.cancel();
  const digest = answer.headers.get('docker-content-digest');
  yield ok(
    'image',
    digest !== undefined && isDigest(digest)
      ? `${name} is ${algorithmOf(digest)}:${shortDigest(digest)}…`
      : `${name} is there`,
  );
  yield quotaStep(parseRateLimit(answer.headers));
}

async function head({ origin, repository, reference, authorization, send, signal }: Wanted): Promise<HttpResponse> {
  const headers = { accept: MANIFEST_ACCEPT, ...(authorization !== undefined && { authorization }) };
  const url = new URL(`/v2/${repository}/manifests/${reference}`, origin);
  return send({ method: 'HEAD', url, headers, anonymous: true, signal });
}

function explained(error: HubError, { registry, repository, isLoggedIn }: Wanted, name: string): HubError {
  if (error.code === 'NOT_FOUND') {
    return new HubError('NOT_FOUND', `${name} is not there, or it is private`, {
      hint: `see which tags there are with: hubctl tags ${registry}/${repository}`,
    });
  }
  if (error.code !== 'UNAUTHORIZED' && error.code !== 'DENIED') return error;
  const what = isLoggedIn ? 'the stored credentials are not accepted' : 'a login is needed';
  return new HubError(error.code, `${what} for ${name}`, { hint: `log in with: hubctl login ${registry}` });
}

function quotaStep(quota: RateLimit | undefined): Step {
  if (!quota) return ok('quota', 'the registry speaks of none');
  const { limit, remaining, window, source } = quota;
  const hours = window === undefined ? '' : ` in ${Math.round(window / 360) / 10} h`;
  const counted = source === undefined ? '' : `, counted for ${source}`;
  if (remaining !== 0) return ok('quota', `${remaining ?? '?'} of ${limit ?? '?'} pulls left${hours}${counted}`);
  return {
    name: 'quota',
    state: 'failed',
    code: 'RATE_LIMITED',
    message: `none of ${limit ?? '?'} pulls is left${hours}${counted}`,
    hint: 'wait, or log in: accounts have a larger quota',
  };
}
