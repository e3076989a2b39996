// What stands for `performance` in the program? To load what Node.js has of that name takes a millisecond, and a clock is all
// that most commands want of it.

/** Milliseconds, of a clock that never goes back. */
function now() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

export const performance = {
  now,
  timeOrigin: Date.now() - now(),
  /** @param {Parameters<typeof globalThis.performance.eventLoopUtilization>} args */
  eventLoopUtilization: (...args) => globalThis.performance.eventLoopUtilization(...args),
};
