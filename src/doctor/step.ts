// What did one step of an examination find?
import { HubError, type ErrorCode } from '../errors.ts';

export interface Step {
  /** One word, such as `tls`. */
  readonly name: string;
  readonly state: 'ok' | 'failed';
  /** What was found, or why it failed. Never a secret. */
  readonly message: string;
  /** What to do about a failure. */
  readonly hint?: string | undefined;
  /** Of a failure. */
  readonly code?: ErrorCode | undefined;
}

export function ok(name: string, message: string): Step {
  return { name, state: 'ok', message };
}

export function failed(name: string, error: HubError): Step {
  return { name, state: 'failed', message: error.message, hint: error.hint, code: error.code };
}

/** The result of `work`, or the failed step in its place. Anything but a HubError is thrown. */
export async function attempt<T>(name: string, work: () => Promise<T>): Promise<T | Step> {
  try {
    return await work();
  } catch (error) {
    if (!HubError.is(error) || error.code === 'ABORTED') throw error;
    return failed(name, error);
  }
}

export function isStep(value: unknown): value is Step {
  return typeof value === 'object' && value !== null && 'state' in value && 'message' in value;
}
