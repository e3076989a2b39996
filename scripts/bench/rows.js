// What is measured, and which ratio to the best peer is wanted?

/**
 * A ratio is hubctl's median to that of the best of PEERS in the same run; lower is better. `requests` is for one image.
 *
 * @typedef {object} Target
 * @property {number} [wall] ratio
 * @property {number} [cpu] ratio
 * @property {number} [memory] megabytes
 * @property {(blobs: number) => number} [requests]
 *
 * @typedef {'version' | 'help' | 'pull' | 'push' | 're-push' | 'new tag' | 'next tag' | 'mount copy' | 'second command'} Work
 * @typedef {{ work: Work, image: string, link: string, target: Target }} Row
 */

/** @param {Work} work @param {string} link @param {string} image @param {Target} [target] @returns {Row} */
const row = (work, link, image, target = {}) => ({ work, link, image, target });

/** What the targets were set beside; others are shown. */
export const PEERS = ['crane', 'skopeo', 'oras'];

/** @type {(blobs: number) => number} */
const twoEachAndTwo = (blobs) => 2 * blobs + 2;

/** @type {readonly Row[]} */
export const ROWS = [
  row('version', '', '', { wall: 1.2 }),
  row('help', '', '', { wall: 1.2 }),
  row('pull', 'lan', 'tiny'),
  row('pull', 'lan', 'wide', { wall: 1.4 }),
  row('pull', 'lan', 'many', { wall: 1.5 }),
  row('pull', 'lan', 'mid'),
  row('pull', 'lan', 'big', { wall: 1.1, cpu: 1.2, memory: 130 }),
  row('pull', 'lan tls', 'wide', { wall: 1.4 }),
  row('pull', 'lan tls', 'many', { wall: 1.5 }),
  row('pull', 'lan tls', 'big', { wall: 0.95, cpu: 1.2, memory: 130 }),
  row('push', 'lan', 'tiny'),
  row('push', 'lan', 'wide', { wall: 1.1, memory: 80 }),
  row('push', 'lan', 'many', { wall: 1.5, memory: 80 }),
  row('push', 'lan', 'big', { wall: 1.2, memory: 80 }),
  row('push', 'lan tls', 'many'),
  row('pull', 'wan', 'tiny', { wall: 0.95 }),
  row('pull', 'wan', 'wide', { wall: 0.4 }),
  row('pull', 'wan', 'many', { wall: 0.55 }),
  row('pull', 'wan', 'mid', { wall: 0.4 }),
  row('pull', 'wan', 'big', { wall: 0.35 }),
  row('pull', 'wan tls', 'wide', { wall: 0.65 }),
  row('pull', 'wan tls', 'many', { wall: 0.3 }),
  row('pull', 'wan tls', 'mid', { wall: 0.4 }),
  row('push', 'wan', 'tiny', { requests: twoEachAndTwo }),
  row('push', 'wan', 'wide', { wall: 0.3, requests: twoEachAndTwo }),
  row('push', 'wan', 'many', { wall: 0.5, requests: twoEachAndTwo }),
  row('push', 'wan', 'mid', { requests: twoEachAndTwo }),
  row('re-push', 'wan', 'tiny', { wall: 1, requests: () => 1 }),
  row('re-push', 'wan', 'wide', { wall: 1, requests: () => 1 }),
  row('re-push', 'wan', 'many', { wall: 1, requests: () => 1 }),
  row('new tag', 'wan', 'tiny', { wall: 1, requests: () => 2 }),
  row('new tag', 'wan', 'wide', { wall: 1, requests: () => 2 }),
  row('new tag', 'wan', 'many', { wall: 1, requests: () => 2 }),
  // As `new tag`, by somebody who has pushed the image to this repository before.
  row('next tag', 'wan', 'wide', { wall: 1, requests: () => 1 }),
  row('next tag', 'wan', 'many', { wall: 1, requests: () => 1 }),
  row('mount copy', 'wan', 'wide', { wall: 0.4, requests: (blobs) => blobs + 4 }),
  row('mount copy', 'wan', 'many', { wall: 0.4, requests: (blobs) => blobs + 4 }),
  row('pull', 'wan private', 'tiny'),
  row('second command', 'wan private', 'tiny', { wall: 0.6 }),
  row('pull', 'wan 20 MB/s in all', 'wide', { wall: 1 }),
  row('pull', 'wan 20 MB/s in all', 'many', { wall: 1 }),
  row('pull', 'wan 20 MB/s in all', 'mid', { wall: 1 }),
];

/** `wan pull wide`: what --only looks at. @param {Row} row */
export function nameOf({ work, link, image }) {
  return [link, work, image].filter((part) => part !== '').join(' ');
}
