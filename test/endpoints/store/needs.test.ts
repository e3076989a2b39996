import { expect, test } from 'vitest';
import type { ManifestFacts } from '../../../src/endpoints/store/facts.ts';
import { reach, type FactsByDigest } from '../../../src/endpoints/store/graph.ts';
import { keep, unkeep } from '../../../src/endpoints/store/kept-facts.ts';
import { EMPTY_INDEX, withEntry, withName, type IndexEntry } from '../../../src/endpoints/store/names.ts';
import { isAttached, needsOf } from '../../../src/endpoints/store/needs.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { seed, seededRandom } from '../../helpers/random.ts';

const MANIFESTS = Array.from({ length: 12 }, (_, at) => digestOf(`manifest ${at}`));
const BLOBS = Array.from({ length: 8 }, (_, at) => digestOf(`blob ${at}`));

interface Case {
  readonly entries: readonly IndexEntry[];
  readonly facts: FactsByDigest;
}

/** Any manifests, most of them known, that refer to any later ones and to any blobs, some about others, some listed with a name or without. */
function randomCase(random: () => number): Case {
  const chance = (): boolean => random() < 0.25;
  const facts: FactsByDigest = new Map();
  let index = EMPTY_INDEX;
  for (const [at, digest] of MANIFESTS.entries()) {
    const children = MANIFESTS.slice(at + 1).filter(chance);
    const known: ManifestFacts = {
      manifests: children.map((child) => ({ digest: child, size: 1, mediaType: MEDIA_TYPES.ociManifest })),
      blobs: BLOBS.filter(chance).map((blob) => ({ digest: blob, size: 1 })),
      subject: chance() ? MANIFESTS[Math.floor(random() * MANIFESTS.length)] : undefined,
    };
    if (!chance()) facts.set(digest, chance() ? known : unkeep(keep(known)));
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest, size: 1 };
    const fate = random();
    if (fate < 0.25) index = withEntry(index, descriptor);
    else if (fate < 0.45) index = withName(index, descriptor, `docker.io/library/a:${at}`);
  }
  return { entries: index.entries, facts };
}

/** From above: everything that the entries reach, and those about others as long as that adds any. */
function expected({ entries, facts }: Case): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const entry of entries) if (!isAttached(entry, facts)) reach(facts, entry.descriptor.digest, needed);
  for (let size = -1; size !== needed.size;) {
    size = needed.size;
    for (const { descriptor } of entries) {
      const subject = facts.get(descriptor.digest)?.subject;
      if (subject !== undefined && needed.has(subject)) reach(facts, descriptor.digest, needed);
    }
  }
  return needed;
}

test('what is found to be needed from below is what is needed from above', () => {
  const random = seededRandom(seed);
  for (let number = 0; number < 300; number += 1) {
    const one = randomCase(random);
    const [needs, needed] = [needsOf(one.entries, one.facts), expected(one)];
    const wanted = [...MANIFESTS, ...BLOBS].filter((digest) => needed.has(digest));
    // Asked twice: what the first questions look through the facts for is noted for the later ones.
    for (const time of ['first', 'second']) {
      const found = [...MANIFESTS, ...BLOBS].filter(needs.has);
      expect(found, `seed ${seed}, case ${number}, ${time} time`).toEqual(wanted);
    }
    expect([...needs.dropped]).toEqual(one.entries.filter(({ descriptor }) => !needed.has(descriptor.digest)));
  }
});
