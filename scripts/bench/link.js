// Over which lines are registries reached? From loopback itself to a far registry that wants tokens.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {import('./proxy.js').ProxyOptions} ProxyOptions
 * @typedef {import('./proxy.js').Counts} Counts
 * @typedef {{ host: string, tls: boolean, reset: () => Promise<void>, counts: () => Promise<Counts>, pid?: number | undefined, stop: () => void }} Link
 */

const MEGABYTE = 1e6;
/** A registry in another city: 40 ms, and 20 MB/s for each connection. Two round trips open one. */
const FAR = { roundTrip: 40, rate: 20 * MEGABYTE, opening: 2 };

/** The account of the private line. */
export const ACCOUNT = 'bench:only for the bench';

/**
 * What lies between client and registry. `direct` lines have no proxy while time is taken; requests are counted in the
 * round before.
 *
 * @type {Readonly<Record<string, { direct: boolean, tls: boolean, proxy: Omit<ProxyOptions, 'targetPort'> }>>}
 */
export const LINKS = {
  lan: { direct: true, tls: false, proxy: {} },
  'lan tls': { direct: true, tls: true, proxy: { raw: true } },
  'lan private': { direct: false, tls: false, proxy: { account: ACCOUNT } },
  wan: { direct: false, tls: false, proxy: FAR },
  'wan tls': { direct: false, tls: true, proxy: { ...FAR, raw: true } },
  'wan private': { direct: false, tls: false, proxy: { ...FAR, account: ACCOUNT } },
  'wan 20 MB/s in all': { direct: false, tls: false, proxy: { ...FAR, total: 20 * MEGABYTE } },
};

/**
 * @param {ProxyOptions} options
 * @param {boolean} tls
 * @returns {Promise<Link>}
 */
export async function startProxy(options, tls) {
  const script = fileURLToPath(new URL('proxy.js', import.meta.url));
  const child = fork(script, [JSON.stringify(options)], { execArgv: [] });
  const { port } = await answerOf(child);
  const ask = async (/** @type {string} */ question) => {
    child.send(question);
    return (await answerOf(child)).counts;
  };
  return {
    host: `127.0.0.1:${port}`,
    tls,
    pid: child.pid,
    reset: async () => void (await ask('reset')),
    counts: () => ask('counts'),
    stop: () => child.disconnect(),
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<any>}
 */
async function answerOf(child) {
  const over = new AbortController();
  const ended = once(child, 'exit', { signal: over.signal }).then(() => Promise.reject(new Error('the proxy ended')));
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: over.signal }), ended]);
    return answer;
  } finally {
    ended.catch(() => undefined);
    over.abort();
  }
}
