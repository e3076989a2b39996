// Does every job still take exactly the requests it should? Seconds, for every change; looks at no clock.
import { runRow } from './run.js';
import { nameOf } from './rows.js';

/**
 * Requests for an image of so many blobs (layers and configuration), by what they are for. Every job starts with an
 * empty home.
 *
 * @type {readonly { work: import('./rows.js').Work, link: string, counts: (blobs: number) => Record<string, number> }[]}
 */
const EXPECTED = [
  { work: 'pull', link: 'lan', counts: (blobs) => ({ 'GET manifest': 1, 'GET blob': blobs }) },
  {
    work: 'push',
    link: 'lan',
    counts: (blobs) => ({
      'HEAD manifest': 1,
      // From the repository itself: the question and the beginning of the upload in one.
      'POST mount': blobs,
      'PUT upload': blobs,
      'PUT manifest': 1,
    }),
  },
  { work: 're-push', link: 'lan', counts: () => ({ 'HEAD manifest': 1 }) },
  // By a store that has no memory of the registry.
  { work: 'new tag', link: 'lan', counts: () => ({ 'HEAD manifest': 2, 'POST mount': 1, 'PUT manifest': 1 }) },
  { work: 'next tag', link: 'lan', counts: () => ({ 'PUT manifest': 1 }) },
  {
    work: 'mount copy',
    link: 'lan',
    counts: (blobs) => ({
      'GET manifest': 1,
      'HEAD manifest': 1,
      'POST mount': blobs,
      'PUT manifest': 1,
    }),
  },
  {
    work: 'second command',
    link: 'lan private',
    counts: (blobs) => ({ 'GET manifest': 1, 'GET blob': blobs }),
  },
];

/**
 * @param {import('./ground.js').Ground} ground
 * @param {readonly import('./tools.js').Tool[]} tools hubctl alone
 * @returns {Promise<string[]>} what is not as expected
 */
export async function smoke(ground, tools) {
  const wrong = [];
  for (const { work, link, counts } of EXPECTED) {
    const row = { work, link, image: 'smoke', target: {} };
    const { blobs, results } = await runRow(ground, row, { tools, rounds: 0, floors: false });
    const [result] = results;
    const [seen, wanted] = [textOf(result?.byKind ?? {}), textOf(counts(blobs))];
    if (result?.failure !== undefined) wrong.push(`${nameOf(row)}: ${result.failure}`);
    else if (seen !== wanted) wrong.push(`${nameOf(row)}: ${seen}; expected: ${wanted}`);
  }
  return wrong;
}

/** @param {Record<string, number>} counts */
function textOf(counts) {
  const parts = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return parts.map(([kind, count]) => `${count} ${kind}`).join(', ');
}
