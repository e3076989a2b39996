// How is a command called, and what is said when it is called otherwise?
import { HubError } from '../errors.ts';
import { plural } from '../util/text.ts';
import type { ArgumentSpec, CommandSpec, FlagSpec } from './command.ts';

/** `hubctl tag SOURCE TARGET`, `hubctl pull [OPTIONS] NAME [NAME...]`. */
export function usageOf(words: string, spec: Pick<CommandSpec, 'arguments' | 'flags'>): string {
  const options = Object.values(spec.flags).some((flag) => !flag.hidden) ? ['[OPTIONS]'] : [];
  return ['hubctl', words, ...options, ...spec.arguments.map(argumentUsage)].join(' ');
}

/** `-o, --output FILE`, `    --json`. */
export function flagLabel(name: string, flag: FlagSpec): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const value = flag.kind === 'boolean' ? '' : ` ${valueName(flag)}`;
  return `${short}--${name}${value}`;
}

/** A USAGE error that shows how the command is called. */
export function usageError(
  message: string,
  call: { words: string; usage?: string | undefined; hint?: string | undefined },
): HubError {
  return new HubError('USAGE', message, {
    hint: call.hint,
    details: {
      command: ['hubctl', call.words].join(' ').trim(),
      ...(call.usage === undefined ? {} : { usage: call.usage }),
    },
  });
}

/** Checks the number of arguments. Throws USAGE in docker's words. */
export function checkArguments(words: string, spec: CommandSpec, args: readonly string[]): void {
  const least = spec.arguments.filter((argument) => !argument.optional).length;
  const most = spec.arguments.some((argument) => argument.many) ? Number.POSITIVE_INFINITY : spec.arguments.length;
  if (args.length >= least && args.length <= most) return;
  throw usageError(`'hubctl ${words}' ${wanted(least, most, args.length)}`, { words, usage: usageOf(words, spec) });
}

function wanted(least: number, most: number, given: number): string {
  if (most === 0) return 'accepts no arguments';
  if (least === most) return `requires ${plural(least, 'argument')}`;
  return given < least
    ? `requires at least ${plural(least, 'argument')}`
    : `requires at most ${plural(most, 'argument')}`;
}

function argumentUsage(argument: ArgumentSpec): string {
  // Only the plain word is repeated: `NAME[:TAG] [NAME...]`.
  const [plain = argument.name] = argument.name.split('[');
  if (argument.many && argument.optional) return `[${argument.name}...]`;
  if (argument.many) return `${argument.name} [${plain || argument.name}...]`;
  return argument.optional ? `[${argument.name}]` : argument.name;
}

function valueName(flag: FlagSpec): string {
  return flag.value ?? (flag.kind === 'number' ? 'N' : 'TEXT');
}
