// Who is told when a registry takes its time with what it was sent?
import type { HttpBody, Layer } from './layer.ts';
import { IN_ONE_PIECE } from './upload.ts';

export interface WaitingEvent {
  readonly host: string;
  /** Since the last byte was sent. */
  readonly seconds: number;
}

/** Seconds. */
const EVERY = 10;

interface Waiting {
  readonly url: URL;
  /** Undefined while the body is being sent. */
  seconds: number | undefined;
}

/**
 * Tells every ten seconds of a request that was given more time than usual, because the registry checks what it was sent,
 * that it is still waited for. The time in which its body is sent does not count. One timer counts for all, as there may be
 * hundreds of them that are over in a moment.
 */
export function tellWaiting(tell: (event: WaitingEvent) => void): Layer {
  const all = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    for (const waiting of all) {
      if (waiting.seconds === undefined) continue;
      waiting.seconds += 1;
      if (waiting.seconds % EVERY === 0) tell({ host: waiting.url.host, seconds: waiting.seconds });
    }
  };
  return (next) => async (request) => {
    const { body, url, headersTimeout } = request;
    if (headersTimeout === undefined) return next(request);
    const isShort = body === undefined || body.length <= IN_ONE_PIECE;
    const waiting: Waiting = { url, seconds: isShort ? 0 : undefined };
    all.add(waiting);
    timer ??= setInterval(tick, 1000);
    try {
      return await next(isShort ? request : { ...request, body: ending(body, () => (waiting.seconds = 0)) });
    } finally {
      all.delete(waiting);
      if (all.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    }
  };
}

/** The same body; `onEnd` when all of it was taken. */
function ending(body: HttpBody, onEnd: () => void): HttpBody {
  return {
    length: body.length,
    open: async () => {
      const content = await body.open();
      return {
        lasting: content.lasting,
        cancel: () => content.cancel(),
        forEach: async (consume) => {
          await content.forEach(consume);
          onEnd();
        },
      };
    },
  };
}
