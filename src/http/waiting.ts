// Who is told when a registry takes its time with what it was sent?
import type { Content } from '../util/content.ts';
import type { Layer } from './layer.ts';

export interface WaitingEvent {
  readonly host: string;
  /** Since the last byte was sent. */
  readonly seconds: number;
}

/** Seconds. */
const EVERY = 10;

/**
 * Tells every ten seconds of a request that was given more time than usual, because the registry checks what it was sent,
 * that it is still waited for. The time in which its body is sent does not count.
 */
export function tellWaiting(tell: (event: WaitingEvent) => void): Layer {
  return (next) => async (request) => {
    const { body, url, headersTimeout } = request;
    if (headersTimeout === undefined) return next(request);
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const start = (): void => {
      if (isOver) return;
      let seconds = 0;
      timer = setInterval(() => {
        seconds += EVERY;
        tell({ host: url.host, seconds });
      }, EVERY * 1000);
    };
    if (!body) start();
    const watched = body && { length: body.length, open: async () => ending(await body.open(), start) };
    try {
      return await next({ ...request, body: watched });
    } finally {
      isOver = true;
      clearInterval(timer);
    }
  };
}

function ending(content: Content, onEnd: () => void): Content {
  return {
    lasting: content.lasting,
    cancel: () => content.cancel(),
    forEach: async (consume) => {
      await content.forEach(consume);
      onEnd();
    },
  };
}
