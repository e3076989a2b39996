// How are transfers slowed down to a rate that the user chose?
import type { Content } from '../util/content.ts';
import type { Clock } from './clock.ts';
import type { Layer } from './layer.ts';

/** A budget that refills with time. Bytes are counted after they passed, so a chunk is never split. */
export interface Rate {
  /** Milliseconds to wait before the next chunk may pass, 0 for none. */
  spend(bytes: number): number;
}

/** At most `bytesPerSecond` over any time, with bursts of a tenth of a second. */
export function createRate(bytesPerSecond: number, clock: Clock): Rate {
  let paidUntil = 0;
  return {
    spend: (bytes) => {
      const now = clock.now();
      paidUntil = Math.max(paidUntil, now - BURST) + (bytes / bytesPerSecond) * 1000;
      return Math.max(0, paidUntil - now);
    },
  };
}

/** Milliseconds. */
const BURST = 100;

/** Limits the bodies of all requests and answers together to `bytesPerSecond` (--limit-rate). */
export function limitRate(bytesPerSecond: number, clock: Clock): Layer {
  const rate = createRate(bytesPerSecond, clock);
  const limited = (content: Content, signal: AbortSignal | undefined): Content => ({
    cancel: () => content.cancel(),
    forEach: async (consume) =>
      content.forEach((chunk) => {
        const pause = consume(chunk);
        const wait = rate.spend(chunk.length);
        if (wait === 0) return pause;
        return Promise.all([pause, clock.sleep(wait, signal)]).then(() => undefined);
      }),
  });
  return (next) => async (request) => {
    const { body, signal } = request;
    const slow = body && { length: body.length, open: async () => limited(await body.open(), signal) };
    const response = await next({ ...request, body: slow });
    return { ...response, body: limited(response.body, signal) };
  };
}
