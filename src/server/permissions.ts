// May this registry be changed at all?
import type { RegistryPlace } from './reply.ts';
import { refusal } from './wire.ts';

/** Throws UNSUPPORTED. */
export function checkWritable({ readOnly }: RegistryPlace): void {
  if (readOnly) throw refusal('UNSUPPORTED', { message: 'this registry is read-only' });
}

/** Throws UNSUPPORTED. */
export function checkDeletable(place: RegistryPlace): void {
  checkWritable(place);
  if (place.allowDelete) return;
  throw refusal('UNSUPPORTED', { message: 'this registry deletes nothing; its operator can allow it' });
}

/** Throws UNSUPPORTED for a method that the resource does not have. */
export function methodNotAllowed(allowed: readonly string[]): never {
  throw refusal('UNSUPPORTED', { headers: { allow: allowed.join(', ') } });
}
