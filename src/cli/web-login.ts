// How does a login in the browser look at the terminal?
import { HubError } from '../errors.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { finishDeviceLogin, startDeviceLogin, type HubLoginPlaces } from '../hub/device-login.ts';
import type { Context } from './context.ts';
import type { Account } from './login-input.ts';

export interface WebLoginOptions {
  readonly clientId: string;
  readonly places?: HubLoginPlaces | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Shows a code and the page where it belongs, and waits until the user has logged in there. Undefined, after a line that
 * says so, when the login cannot even start; throws once it was refused or ran out of time.
 */
export async function webLogin(
  context: Context,
  { clientId, places, clock }: WebLoginOptions,
): Promise<Account | undefined> {
  const { output, signal } = context;
  const { sendAnonymous } = (await context.registries()).registry('docker.io');
  const options = { send: sendAnonymous, clock: clock ?? systemClock, clientId, places, signal };
  const code = await start(context, options);
  if (!code) return undefined;
  output.note(`Your one-time device confirmation code is: ${code.userCode}`);
  output.note(`Open this page in a browser and log in: ${code.page}`);
  output.note('Waiting for the login to be completed there...');
  return finishDeviceLogin(options, code);
}

async function start(
  { output, signal }: Context,
  options: Parameters<typeof startDeviceLogin>[0],
): Promise<Awaited<ReturnType<typeof startDeviceLogin>> | undefined> {
  try {
    return await startDeviceLogin(options);
  } catch (error) {
    if (!HubError.is(error) || signal.aborted) throw error;
    output.note(`Failed to start web-based login (${error.message}) - falling back to command line login...`);
    return undefined;
  }
}
