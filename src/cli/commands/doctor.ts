// hubctl doctor: what keeps an image, a registry or this machine from working?
import { adviceFor } from '../../doctor/advice.ts';
import { examineRegistry } from '../../doctor/examine.ts';
import { examineMachine } from '../../doctor/machine.ts';
import type { Step } from '../../doctor/step.ts';
import { ERROR_CODES } from '../../errors.ts';
import { familiarString, parseReference, withDefaultTag } from '../../spec/reference.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { formatSize } from '../output/units.ts';
import { registryName } from '../registry-name.ts';
import { wrap } from '../wrap.ts';

export const command: CommandSpec = defineCommand({
  name: 'doctor',
  summary: 'Find out what keeps an image or a registry from working',
  details:
    'Looks at one thing after the other: Node.js, configuration files, the local store, the keychain; and with REF the stored ' +
    'credentials, proxy, name, connection and certificate, the registry, what it asks for, the token and what that grants, ' +
    'the image, and the pull quota. Each is one line; the last sentence says what to do. REF is an image or the host of a ' +
    'registry, such as ghcr.io or localhost:5000. Nothing is changed, no secret is shown, and no pull is counted. The exit ' +
    'status is that of the first failure. With --json one object: {reference, ok, steps, advice}.',
  arguments: [{ name: 'REF', help: 'image or registry to look at; without it only this machine', optional: true }],
  flags: {},
  examples: [
    { command: 'hubctl doctor ghcr.io/team/app:1', does: 'why can this not be pulled?' },
    { command: 'hubctl doctor localhost:5000', does: 'is the registry there, and does it know me?' },
    { command: 'hubctl doctor', does: 'is this machine in order?' },
  ],
  run: async (context, [text]) => {
    const patient = patientOf(text);
    const steps: Step[] = [];
    for await (const step of examination(context, patient)) {
      steps.push(step);
      if (!context.output.quiet) for (const line of linesOf(step)) context.output.line(line);
    }
    const advice = adviceFor(steps, patient);
    const failure = steps.find(({ state }) => state === 'failed');
    context.output.value({ reference: patient.name, ok: failure === undefined, steps, advice });
    if (!context.output.quiet) context.output.line('');
    for (const line of wrap(advice, '')) context.output.line(line);
    return failure?.code === undefined ? 0 : ERROR_CODES[failure.code].exit;
  },
});

interface Patient {
  readonly name: string | undefined;
  readonly registry: string;
  readonly repository?: string | undefined;
  readonly reference?: string | undefined;
}

/** `ghcr.io`, `localhost:5000` and what ends in a slash are registries; `alpine:3` is an image. Throws REFERENCE_INVALID. */
function patientOf(text: string | undefined): Patient {
  if (text === undefined) return { name: undefined, registry: 'docker.io' };
  if (/^(?:localhost|\[[^\]]*\]|[^/:@]*\.[^/:@]*)(?::\d+)?$|^[^/]+\/$/.test(text)) {
    const registry = registryName(text);
    return { name: registry, registry };
  }
  const reference = withDefaultTag(parseReference(text));
  const { registry, repository, tag, digest } = reference;
  return { name: familiarString(reference), registry, repository, reference: digest ?? tag };
}

async function* examination(
  context: Context,
  { name, registry, repository, reference }: Patient,
): AsyncGenerator<Step> {
  const { io, settings, signal } = context;
  const version = `${io.nodeVersion ?? 'unknown'} on ${io.platform}/${io.arch}`;
  yield* examineMachine({
    node: version,
    storeDir: settings.storeDir,
    store: () => context.store(),
    credentials: () => context.credentials(),
    server: registry,
    size: (bytes) => formatSize(bytes),
  });
  if (name === undefined) return;
  const credentials = await context.credentials();
  yield* examineRegistry({
    registry,
    repository,
    reference,
    credentials,
    network: (host) => context.network(host),
    signal,
  });
}

const STATES = { ok: 'ok    ', failed: 'FAILED' } as const;

function linesOf({ name, state, message }: Step): readonly string[] {
  const head = `${STATES[state]}  ${name.padEnd(11)}  `;
  const lines = wrap(message, ' '.repeat(head.length));
  return [head + (lines[0] ?? '').trimStart(), ...lines.slice(1)];
}
