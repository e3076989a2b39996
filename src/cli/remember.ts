// What is worth remembering of a repository: which blobs it could lend, and which manifests it has?
import type { Store } from '../endpoints/store/store.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Remembered } from '../transfer/endpoint.ts';
import type { OnEvent } from '../transfer/events.ts';
import { once } from '../util/once.ts';

interface Place {
  readonly registry: string;
  readonly repository: string;
}

interface NamedPlace extends Place {
  readonly tag?: string | undefined;
}

/** Notes the blobs that a copy finds or puts in a repository, and the manifest that is named; `remember` writes them to the store's memory. */
export function noting(onEvent: OnEvent): {
  readonly onEvent: OnEvent;
  remember(store: Store, place: NamedPlace): Promise<void>;
} {
  const digests = new Set<string>();
  let root: string | undefined;
  return {
    onEvent: (event) => {
      const isBlob = event.type === 'finished' && event.kind !== 'index' && event.kind !== 'manifest';
      if (isBlob) digests.add(event.descriptor.digest);
      if (event.type === 'named') root = event.descriptor.digest;
      onEvent(event);
    },
    remember: async (store, { registry, repository, tag }) => {
      await store.seen.add(registry, repository, [...digests]);
      if (root !== undefined) await store.seen.name({ registry, repository, tag }, root);
    },
  };
}

/** Whether a manifest was seen under that name, or at all, in the repository. A hint; the registry decides. */
export function remembered(
  store: Store,
  { registry, repository, tag }: NamedPlace,
): (root: Descriptor) => Promise<Remembered | undefined> {
  return (root) => store.seen.manifest({ registry, repository, tag }, root.digest);
}

/** Repositories that may lend a blob to this one: the nearest by path first. A hint; the registry decides. */
export function lenders(
  store: Store,
  { registry, repository }: Place,
): (blob: Descriptor) => Promise<readonly string[]> {
  const lookUp = once(() => store.seen.lookUp(registry));
  return async (blob) => {
    const known = (await lookUp())(blob.digest);
    if (known.length === 0) return known;
    const others = known.filter((name) => name !== repository);
    return others.sort((a, b) => commonPath(b, repository) - commonPath(a, repository));
  };
}

function commonPath(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  const differs = left.findIndex((part, index) => part !== right[index]);
  return differs === -1 ? left.length : differs;
}
