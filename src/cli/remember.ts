// Which repository of a registry could lend a blob later, and which can lend one now?
import type { Store } from '../endpoints/store/store.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { OnEvent } from '../transfer/events.ts';

interface Place {
  readonly registry: string;
  readonly repository: string;
}

/** Notes the blobs that a copy finds or puts in a repository; `remember` writes them to the store's memory. */
export function noting(onEvent: OnEvent): {
  readonly onEvent: OnEvent;
  remember(store: Store, place: Place): Promise<void>;
} {
  const digests = new Set<string>();
  return {
    onEvent: (event) => {
      const isBlob = event.type === 'finished' && event.kind !== 'index' && event.kind !== 'manifest';
      if (isBlob) digests.add(event.descriptor.digest);
      onEvent(event);
    },
    remember: (store, { registry, repository }) => store.seen.add(registry, repository, [...digests]),
  };
}

/** Repositories that may lend a blob to this one: the nearest by path first. A hint; the registry decides. */
export function lenders(
  store: Store,
  { registry, repository }: Place,
): (blob: Descriptor) => Promise<readonly string[]> {
  return async (blob) => {
    const known = await store.seen.repositories(registry, blob.digest);
    const others = known.filter((name) => name !== repository);
    return others.sort((a, b) => commonPath(b, repository) - commonPath(a, repository));
  };
}

function commonPath(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  const differs = left.findIndex((part, index) => part !== right[index]);
  return differs === -1 ? left.length : differs;
}
