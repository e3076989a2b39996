// How do hundreds of things wait for one signal? An event target compares each new listener with all that are there.
import { setMaxListeners } from 'node:events';

interface Waiting {
  readonly all: Set<() => void>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/** Calls `stop` once when the signal, which has not aborted yet, does. Gives how to take that back. `stop` must not throw. */
export function whenAborted(signal: AbortSignal, stop: () => void): () => void {
  const { all } = waiting.get(signal) ?? listen(signal);
  // Whoever waits twice with the same function is called twice.
  const entry = (): void => stop();
  all.add(entry);
  return () => {
    if (all.delete(entry) && all.size === 0) letGo(signal);
  };
}

function listen(signal: AbortSignal): Waiting {
  // One signal for all requests of a command is how it should be; Node takes more than ten listeners of others for a leak.
  setMaxListeners(0, signal);
  const all = new Set<() => void>();
  const listener = (): void => {
    // What a call takes back is not called any more.
    for (const stop of all) stop();
  };
  signal.addEventListener('abort', listener, { once: true });
  waiting.set(signal, { all, listener });
  return { all, listener };
}

function letGo(signal: AbortSignal): void {
  const known = waiting.get(signal);
  waiting.delete(signal);
  if (known) signal.removeEventListener('abort', known.listener);
}
