// What was being done, and to what, when something failed?
import { HubError } from '../errors.ts';

/**
 * The error with the operation and the name the user gave before its message, unless it says them already:
 * `pull app:1: cannot connect to ...`. `details.reference` has the name. Interruptions and bugs stay as they are.
 */
export function whileDoing(verb: string, reference: string, error: unknown): unknown {
  if (!HubError.is(error) || error.code === 'ABORTED') return error;
  const { code, hint, details, cause } = error;
  return new HubError(code, named(verb, reference, error.message), { hint, cause, details: { reference, ...details } });
}

function named(verb: string, reference: string, message: string): string {
  if (message.includes(reference)) return message;
  // What is below knows which part it was working on: `pull layer sha256:...: it broke`.
  const rest = message.startsWith(`${verb} `) ? message.slice(verb.length + 1) : message;
  const repository = reference.replace(/(?::[^:/@]*)?(?:@.*)?$/, '');
  return `${verb} ${reference}: ${rest.replace(` of ${repository}: `, ': ').replace(` to ${repository}: `, ': ')}`;
}
