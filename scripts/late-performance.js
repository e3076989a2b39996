// What stands for `performance` in the program? To load what Node.js has of that name takes a millisecond, and a clock is all
// that most commands want of it.

/** Milliseconds, of a clock that never goes back. */
function now() {
  // Unlike `hrtime`, makes nothing that has to be collected.
  return process.uptime() * 1e3;
}

export const performance = {
  now,
  timeOrigin: Date.now() - now(),
  /** @param {Parameters<typeof globalThis.performance.eventLoopUtilization>} args */
  eventLoopUtilization: (...args) => globalThis.performance.eventLoopUtilization(...args),
};
