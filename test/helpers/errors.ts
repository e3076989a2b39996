// The HubError that something throws.
import { HubError } from '../../src/errors.ts';

/** Fails the test when nothing is thrown (unless that is allowed), or anything but a HubError. */
export async function hubErrorFrom(work: () => unknown): Promise<HubError>;
export async function hubErrorFrom(work: () => unknown, options: { optional: true }): Promise<HubError | undefined>;
export async function hubErrorFrom(work: () => unknown, options?: { optional: true }): Promise<HubError | undefined> {
  try {
    await work();
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  if (options?.optional) return undefined;
  throw new Error('nothing was thrown');
}
