// Does a registry refuse a manifest when it lacks what the manifest needs, so that nobody has to look before?
import { HubError } from '../../errors.ts';
import { apiVersionOf } from '../../http/headers.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { RepositoryAccess } from './access.ts';
import type { Session } from './upload-session.ts';

/** Answers to a manifest that something is wrong with, or whose repository is not there. */
const REFUSED: ReadonlySet<unknown> = new Set([400, 404]);

/**
 * distribution, and what is made of it, refuses such a manifest. It names its version in each answer, and keeps the state of an
 * upload in its location, which nobody else does. That is remembered with the origin it was seen at.
 */
export function noteStrict(access: RepositoryAccess, response: HttpResponse, session: Session): void {
  if (!session.isDistribution || !namesVersion(response)) return;
  access.traits.learn(access.registry, { strictAt: response.url.origin });
}

/**
 * True where a manifest that is thought to be there may be put at once. It is not trusted for more: another registry may be
 * at that origin by now, so what the answer to the PUT says of itself has to fit, see `lostManifest`.
 */
export async function isStrict(access: RepositoryAccess): Promise<boolean> {
  const { strictAt } = await access.traits.get(access.registry);
  return strictAt !== undefined && strictAt === (await access.url('')).origin;
}

/** After a PUT of which the answer was that of another registry: from now on it is looked before. */
export function forgetStrict({ registry, traits }: RepositoryAccess): void {
  traits.learn(registry, { strictAt: undefined });
}

/** What distribution says in all its answers. */
export function namesVersion({ headers }: HttpResponse): boolean {
  return apiVersionOf(headers) === 'registry/2.0';
}

/** True when the registry does not take a manifest as it is. */
export function isRefusal(error: unknown): boolean {
  return HubError.is(error) && REFUSED.has(error.details['status']);
}

/**
 * The error for a manifest that was thought to be there. Whoever copies it has to look at everything that it needs, also where
 * the registry named what is missing: somebody else may be bringing that at this moment.
 */
export function lostManifest(access: RepositoryAccess, { digest }: Descriptor): HubError {
  return new HubError('CONFLICT', `${access.name} no longer has manifest ${digest}`, {
    details: { missing: [digest] },
  });
}
