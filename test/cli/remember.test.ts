import { describe, expect, test } from 'vitest';
import { lenders, noting } from '../../src/cli/remember.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import { newStore } from '../helpers/stores.ts';
import { finished, layer, queued, started } from '../helpers/transfers.ts';

const REGISTRY = 'localhost:5000';
const blob = layer('one');

describe('noting', () => {
  test('hands every event on, as it is', () => {
    const seen: TransferEvent[] = [];
    const events = [queued(blob), started(blob), finished(blob)];
    const { onEvent } = noting((event) => void seen.push(event));
    for (const event of events) onEvent(event);
    expect(seen).toEqual(events);
  });

  test.each(['copied', 'exists', 'mounted'] as const)('remembers a blob that is there since it was %s', async (how) => {
    const store = await newStore();
    const notes = noting(() => undefined);
    notes.onEvent(finished(blob, how));
    await notes.remember(store, { registry: REGISTRY, repository: 'app' });
    expect(await store.seen.repositories(REGISTRY, blob.digest)).toEqual(['app']);
  });

  test('remembers configs, but no manifests, which cannot be lent', async () => {
    const store = await newStore();
    const notes = noting(() => undefined);
    const kinds = ['config', 'layer', 'blob', 'manifest', 'index'] as const;
    for (const kind of kinds) notes.onEvent(finished(layer(kind), 'copied', { kind }));
    await notes.remember(store, { registry: REGISTRY, repository: 'app' });
    const known = await Promise.all(kinds.map((kind) => store.seen.repositories(REGISTRY, layer(kind).digest)));
    expect(known).toEqual([['app'], ['app'], ['app'], [], []]);
  });

  test('does not remember what never arrived', async () => {
    const store = await newStore();
    const notes = noting(() => undefined);
    notes.onEvent(queued(blob));
    notes.onEvent(started(blob));
    await notes.remember(store, { registry: REGISTRY, repository: 'app' });
    expect(await store.seen.repositories(REGISTRY, blob.digest)).toEqual([]);
  });
});

describe('lenders', () => {
  const asked = async (repository: string, seenIn: readonly string[], registry = REGISTRY): Promise<unknown> => {
    const store = await newStore();
    for (const name of seenIn) await store.seen.add(REGISTRY, name, [blob.digest]);
    return lenders(store, { registry, repository })(blob);
  };

  test('are the repositories where the blob was seen', async () => {
    expect(await asked('team/app', ['library/base'])).toEqual(['library/base']);
  });

  test('begin with the nearest by path', async () => {
    expect(await asked('team/web/app', ['other', 'team/tools', 'team/web/base'])).toEqual([
      'team/web/base',
      'team/tools',
      'other',
    ]);
  });

  test('of the same distance begin with the one seen last', async () => {
    expect(await asked('app', ['one', 'two'])).toEqual(['two', 'one']);
  });

  test('are never the repository itself', async () => {
    expect(await asked('team/app', ['team/app'])).toEqual([]);
  });

  test('of another registry are none', async () => {
    expect(await asked('team/app', ['library/base'], 'ghcr.io')).toEqual([]);
  });

  test('know only this blob', async () => {
    const store = await newStore();
    await store.seen.add(REGISTRY, 'base', [blob.digest]);
    expect(await lenders(store, { registry: REGISTRY, repository: 'app' })(layer('another'))).toEqual([]);
  });
});
