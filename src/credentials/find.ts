// Which credential is used for a registry, and where does it come from?
import { HubError } from '../errors.ts';
import type { AuthFile } from './auth-file.ts';
import { namespaceKeys, serverKey, spellings } from './aliases.ts';
import type { Backends } from './backends.ts';
import type { Credential, FoundCredential } from './credentials.ts';
import { helperFor, type DockerConfig } from './docker-config.ts';
import type { EnvironmentStore } from './environment.ts';
import { filesOf, type Places } from './places.ts';

export interface Sources {
  /** Environment variables that hold credentials, the stronger first. */
  readonly variables: readonly EnvironmentStore[];
  readonly places: Places;
  readonly backends: Backends;
  readonly warn: (text: string) => void;
}

interface Wanted {
  readonly registry: string;
  readonly repository: string | undefined;
}

/**
 * The credential for a registry, or for a repository of it where there is one of its own. Order: a file named by a flag,
 * `HUBCTL_*`, `DOCKER_AUTH_CONFIG`, `REGISTRY_AUTH_FILE`, docker's config (helpers, then the file), auth.json of podman,
 * ~/.dockercfg [containers-auth.json]. A helper or keychain that fails is told as a warning and passed over: whoever pulls
 * something public needs none. Throws CONFIG_INVALID, and STORAGE for a file that was named and cannot be read.
 */
export async function findCredential(
  sources: Sources,
  registry: string,
  repository?: string,
): Promise<FoundCredential | undefined> {
  const wanted = { registry, repository };
  for (const ask of questions(sources, wanted)) {
    const found = await ask();
    if (found) return found;
  }
  return undefined;
}

type Question = () => Promise<FoundCredential | undefined>;

function questions(sources: Sources, wanted: Wanted): readonly Question[] {
  const { places, variables } = sources;
  const files = filesOf(places).map(
    (file): Question =>
      () =>
        fromFile(sources, file, wanted),
  );
  const environment = variables.map(
    (store): Question =>
      () =>
        fromEnvironment(store, wanted),
  );
  return places.exclusive ? [...files, ...environment] : [...environment, ...files];
}

async function fromEnvironment(store: EnvironmentStore, { registry, repository }: Wanted): ReturnType<Question> {
  const own = repository === undefined ? undefined : await store.getForRepository(registry, repository);
  return from(own ?? (await store.get(registry)), store.name);
}

async function fromFile(sources: Sources, file: AuthFile, { registry, repository }: Wanted): ReturnType<Question> {
  const config = await readOrWarn(sources, file);
  if (!config) return undefined;
  const keys = Object.keys(config.auths);
  const own = repository === undefined ? undefined : file.pick(config, namespaceKeys(keys, registry, repository));
  if (own) return from(own, file.name);
  const helped = await fromHelper(sources, { file, config, registry });
  return helped ?? from(file.pick(config, spellings(keys, registry)), file.name);
}

/** The file's content; undefined, after a warning, for one that nobody named and that cannot be read: ~/.docker may belong to root after `sudo docker`. */
export async function readOrWarn(
  { places, warn }: Pick<Sources, 'places' | 'warn'>,
  file: AuthFile,
): Promise<DockerConfig | undefined> {
  try {
    return await file.read();
  } catch (error) {
    if (file === places.chosen || !HubError.is(error, 'STORAGE')) throw error;
    warn(`${error.message}; its credentials are not used`);
    return undefined;
  }
}

interface Asked {
  readonly file: AuthFile;
  readonly config: DockerConfig;
  readonly registry: string;
}

async function fromHelper({ backends, warn }: Sources, { file, config, registry }: Asked): ReturnType<Question> {
  const choice = helperFor(config, registry);
  if (!choice) return undefined;
  const backend = backends.open(choice, file);
  const others = spellings(Object.keys(config.auths), registry);
  const keys = new Set([serverKey(registry), ...(choice.key === undefined ? [] : [choice.key]), ...others]);
  try {
    for (const key of keys) {
      const found = from(await backend.ask(key), backend.name);
      if (found) return found;
    }
  } catch (error) {
    if (!isFailure(error)) throw error;
    warn(`no stored credentials for ${registry}: ${error.message}`);
  }
  return undefined;
}

function isFailure(error: unknown): error is HubError {
  return HubError.is(error, 'CREDENTIALS_UNAVAILABLE') || HubError.is(error, 'REFUSED');
}

function from(credential: Credential | undefined, source: string): FoundCredential | undefined {
  return credential && { credential, source };
}
