// When a host asked to be left alone for a while, how do all requests to it wait together?
import type { Clock } from './clock.ts';
import type { Layer, Send } from './layer.ts';

export interface Gate {
  /** Makes every request to a closed host wait until it opens. */
  readonly layer: Layer;
  /** Lets no request to `host` through before the time `until` (milliseconds since 1970). */
  close(host: string, until: number): void;
}

/** One gate per host, shared by every request of the program. */
export function createGate(clock: Clock): Gate {
  const closedUntil = new Map<string, number>();
  return {
    close: (host, until) => {
      closedUntil.set(host, Math.max(until, closedUntil.get(host) ?? 0));
    },
    layer: (next) => {
      const inTime: Send = async (request) => {
        const { host } = request.url;
        for (;;) {
          const wait = (closedUntil.get(host) ?? 0) - clock.now();
          if (wait <= 0) break;
          await clock.sleep(wait, request.signal);
        }
        return next(request);
      };
      return (request) => (closedUntil.size === 0 ? next(request) : inTime(request));
    },
  };
}
