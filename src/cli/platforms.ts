// Which platforms does the user mean?
import { hostPlatform, parsePlatform, type Platform } from '../spec/platform.ts';
import type { Context } from './context.ts';

/** The platform of this machine: linux, since containers run there, with its architecture. */
export function machinePlatform({ io }: Pick<Context, 'io'>): Platform {
  return hostPlatform(io.platform, io.arch);
}

/** --platform as given; else DOCKER_DEFAULT_PLATFORM; else this machine's. Throws REFERENCE_INVALID. */
export function platformsOf(context: Pick<Context, 'io'>, given: readonly string[]): readonly Platform[] {
  const host = machinePlatform(context);
  const fallback = context.io.env['DOCKER_DEFAULT_PLATFORM'];
  const texts =
    given.length > 0 ? given.flatMap((text) => text.split(',')) : [fallback].filter((text) => text !== undefined);
  const chosen = texts.filter((text) => text !== '').map((text) => parsePlatform(text, host));
  return chosen.length > 0 ? chosen : [host];
}
