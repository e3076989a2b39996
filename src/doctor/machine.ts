// Is this machine fit for work: its settings, its store, its keychain?
import type { CredentialAccess } from '../credentials/access.ts';
import type { Store } from '../endpoints/store/store.ts';
import type { StoreUsage } from '../endpoints/store/upkeep.ts';
import { lstatIfExists } from '../util/fs.ts';
import { attempt, isStep, ok, type Step } from './step.ts';

export interface MachineOptions {
  /** `v20.20.2 on linux/x64`. */
  readonly node: string;
  readonly storeDir: string;
  readonly store: () => Promise<Store>;
  readonly credentials: () => Promise<CredentialAccess>;
  /** The registry a login would be for; `docker.io` where none is meant. */
  readonly server: string;
  /** Bytes as people read them. */
  readonly size: (bytes: number) => string;
}

/** One step after the other; a failure does not keep the rest from being looked at. Creates nothing. */
export async function* examineMachine(options: MachineOptions): AsyncGenerator<Step, void> {
  yield ok('node', options.node);
  yield await check('config', async () => {
    const credentials = await options.credentials();
    await credentials.dockerConfig();
    await credentials.stores();
    const files = await credentials.files();
    return files.length === 0 ? 'no configuration file, and none is needed' : `reads ${files.join(', ')}`;
  });
  yield await check('store', () => storeStep(options));
  yield await check('keychain', async () => {
    const { name, because } = await (await options.credentials()).target('auto', options.server);
    const why = because === undefined ? '' : ', as no keychain works here';
    return `a login would be kept in ${name.replace(/^file /, '')}${why}`;
  });
}

async function check(name: string, work: () => Promise<string>): Promise<Step> {
  const result = await attempt(name, work);
  return isStep(result) ? result : ok(name, result);
}

async function storeStep({ storeDir, store, size }: MachineOptions): Promise<string> {
  const opened = await store();
  await opened.upkeep.checkWritable();
  if (!(await lstatIfExists(storeDir))) {
    return `${storeDir}, which the first pull creates`;
  }
  const usage = await opened.upkeep.usage();
  const images = (await opened.images()).length;
  return `${storeDir}, ${images === 1 ? '1 image' : `${images} images`}${spaceOf(usage, size)}`;
}

function spaceOf({ bytes, free }: StoreUsage, size: (bytes: number) => string): string {
  return `, ${size(bytes)} used${free === undefined ? '' : `, ${size(free)} free`}`;
}
