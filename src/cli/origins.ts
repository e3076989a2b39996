// From where could an image of the local store be fetched once more?
import type { Store, StoredImage } from '../endpoints/store/store.ts';
import { HubError } from '../errors.ts';
import { parseReference } from '../spec/reference.ts';
import type { Source } from '../transfer/endpoint.ts';
import type { Context } from './context.ts';
import { familiarText } from './image-rows.ts';

/**
 * The repository an image is named after, and then the others of registries the store knows in which its content was
 * seen, as one source. It throws NOT_FOUND only for what nobody has.
 */
export async function originsOf(
  context: Context,
  store: Store,
  image: StoredImage,
  digests: readonly string[],
): Promise<Source> {
  const places = await placesOf(store, image, [image.descriptor.digest, ...digests]);
  const registries = places.length > 0 ? await context.registries() : undefined;
  const sources = places.flatMap(([registry, repository]) => registries?.repository(registry, repository) ?? []);
  return firstThatHas(familiarText(image), sources);
}

type Place = readonly [registry: string, repository: string];

async function placesOf(store: Store, image: StoredImage, digests: readonly string[]): Promise<readonly Place[]> {
  const own = image.name === undefined ? undefined : parseReference(image.name);
  const names = (await store.images()).flatMap(({ name }) => name ?? []);
  const registries = new Set(own ? [own.registry] : names.map((name) => parseReference(name).registry));
  const places = new Map<string, Place>();
  const add = (place: Place): unknown => places.set(place.join('/'), place);
  if (own) add([own.registry, own.repository]);
  for (const registry of registries) {
    for (const digest of digests) {
      for (const repository of await store.seen.repositories(registry, digest)) add([registry, repository]);
    }
  }
  return [...places.values()];
}

/** Asks one source after the other for what those before do not have, or do not show. */
function firstThatHas(name: string, sources: readonly Source[]): Source {
  const ask = async <T>(call: (source: Source) => Promise<T>): Promise<T> => {
    let failure = new HubError('NOT_FOUND', `it is not known where ${name} came from`);
    for (const source of sources) {
      try {
        return await call(source);
      } catch (error) {
        if (!HubError.is(error) || !['NOT_FOUND', 'UNAUTHORIZED', 'DENIED'].includes(error.code)) throw error;
        // One that does not say what it has may have it.
        if (failure.code === 'NOT_FOUND') failure = error;
      }
    }
    throw failure;
  };
  return {
    name: sources[0]?.name ?? name,
    resolve: (reference, options) => ask((source) => source.resolve(reference, options)),
    read: (descriptor, options) => ask((source) => source.read(descriptor, options)),
  };
}
