// How does a test get what a user has whose home is empty and whose keychain cannot be reached?
import { onTestFinished } from 'vitest';
import { createDefaults, type Defaults, type DefaultsOptions } from '../../src/defaults.ts';
import { Home } from './credentials.ts';
import { startRegistry, type Registry, type RegistryOptions } from './registry.ts';

/** Gone when the test has ended, as is what the others give. */
export async function newHome(): Promise<Home> {
  const home = await Home.create();
  onTestFinished(() => home[Symbol.asyncDispose]());
  return home;
}

/** The defaults of a user whose keychain cannot be reached. */
export function defaultsOf(home: Home, { env, ...options }: Partial<DefaultsOptions> = {}): Defaults {
  const defaults = createDefaults({
    env: { ...home.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${home.at('no-bus')}`, ...env },
    home: home.path,
    ...options,
  });
  onTestFinished(() => defaults[Symbol.asyncDispose]());
  return defaults;
}

export async function registryWith(options: RegistryOptions): Promise<Registry> {
  const registry = await startRegistry(options);
  onTestFinished(() => registry.stop());
  return registry;
}

/** Status of the base of a registry. */
export async function ping(defaults: Defaults, host: string): Promise<number> {
  const response = await (await defaults.registries()).registry(host).get('/v2/');
  response.body.cancel();
  return response.status;
}
