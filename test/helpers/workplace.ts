// A registry, a local store and a command line that know each other, for tests of commands that move images.
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runCli, type CliOptions, type CliResult } from './cli.ts';
import { folder } from './folder.ts';
import { startRegistry, type Registry, type RegistryOptions } from './registry.ts';
import { fillRegistry, type SampleImage, type SampleIndex } from './sample-image.ts';
import { newStore } from './stores.ts';

export interface Workplace {
  readonly registry: Registry;
  /** A folder that is gone after the test. */
  readonly dir: string;
  /** Runs `hubctl` with the store of this place. */
  hubctl(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Puts an image into the registry as `repository:tag`. Gives its name for the command line. */
  publish(name: string, image: SampleImage | SampleIndex): string;
  /** Name and digest of each image in the store, by name; those without one last. */
  images(): Promise<readonly (readonly [name: string | undefined, digest: string])[]>;
}

export async function newWorkplace(options: RegistryOptions = {}): Promise<Workplace> {
  const dir = folder();
  const store = join(dir, 'store');
  const registry = await newRegistry(options);
  return {
    registry,
    dir,
    // No keychain of this machine is touched: its bus is somewhere else.
    hubctl: (args, { env, ...cli } = {}) =>
      runCli(['--store', store, ...args], {
        ...cli,
        home: dir,
        env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(dir, 'no-bus')}`, ...env },
      }),
    publish: (name, image) => {
      const [repository = '', tag = ''] = name.split(':');
      fillRegistry(registry.contents, [repository, tag], image);
      return `${registry.host}/${name}`;
    },
    images: async () => {
      const images = await (await newStore(store)).images();
      return images
        .map(({ name, descriptor }) => [name, descriptor.digest] as const)
        .sort(([a = '~'], [b = '~']) => (a < b ? -1 : 1));
    },
  };
}

/** Stopped after the test. */
export async function newRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const registry = await startRegistry(options);
  onTestFinished(() => registry.stop());
  return registry;
}

/** `GET /v2/app/manifests/1` of every request so far, without its query. */
export function requestsTo(registry: Registry): readonly string[] {
  return registry.log.map(({ method, path }) => `${method} ${path.replace(/\?.*/s, '')}`);
}
