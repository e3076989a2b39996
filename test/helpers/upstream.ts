// How does a test get a registry that another one fetches from?
import { onTestFinished } from 'vitest';
import type { Upstream } from '../../src/server/upstream.ts';
import type { Registry, RegistryOptions } from './registry.ts';
import { testClient } from './registry-client.ts';
import { newRegistry } from './workplace.ts';

export interface TestUpstream extends Upstream {
  readonly registry: Registry;
  /** Nobody answers any more. */
  stop(): Promise<void>;
}

/** A registry of the tests, seen through our own client; stopped after the test. */
export async function newUpstream(options: RegistryOptions = {}): Promise<TestUpstream> {
  const registry = await newRegistry(options);
  const client = testClient();
  onTestFinished(() => client.close());
  return {
    registry,
    name: registry.host,
    repository: (name) => client.repository(registry.host, name),
    stop: () => registry.stop(),
  };
}
