// How is a failure told, and with which exit status does the program end?
import { HubError } from '../errors.ts';
import { safeJson, safeText } from '../util/text.ts';
import type { Io } from './io.ts';

export interface ReportOptions {
  readonly debug: boolean;
  /** One JSON object on stderr instead of lines. */
  readonly json: boolean;
}

/** Exit status of an error that is no HubError. */
const BUG = 70;
const ISSUES = 'https://github.com/hubctl/hubctl/issues';
const MOST_CAUSES = 10;

/** Writes an error to stderr and gives the exit status it stands for. Once the signal is aborted, its reason is the error. */
export function report(error: unknown, io: Io, options: ReportOptions): number {
  const failure = failureOf(error, io.signal);
  const status = failure.code === 'BUG' ? BUG : failure.error.exitCode;
  if (failure.error.details['signal'] === 'SIGPIPE') return status;
  const text = options.json ? jsonReport(failure, status) : textReport(failure, options.debug);
  io.stderr.write(`${text}\n`);
  return status;
}

interface Failure {
  readonly code: string;
  /** What is told. */
  readonly error: HubError;
  /** What was thrown. */
  readonly thrown: unknown;
}

function failureOf(error: unknown, signal: AbortSignal): Failure {
  const thrown: unknown = signal.aborted ? signal.reason : error;
  const known = hubErrorIn(thrown);
  if (known) return { code: known.code, error: known, thrown };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const hint = `this is a bug in hubctl; please report it at ${ISSUES} with what --debug prints`;
  return { code: 'BUG', error: new HubError('FAILED', `internal error: ${message}`, { hint, cause: thrown }), thrown };
}

/** Timers and streams that are aborted throw an AbortError of their own, with the reason as its cause. */
function hubErrorIn(error: unknown): HubError | undefined {
  if (HubError.is(error)) return error;
  return error instanceof Error && error.name === 'AbortError' && HubError.is(error.cause) ? error.cause : undefined;
}

function jsonReport({ code, error }: Failure, exit: number): string {
  const { message, details } = error;
  return safeJson({ error: { code, message, hint: error.next, details, exit } });
}

function textReport({ code, error, thrown }: Failure, debug: boolean): string {
  const lines = [`hubctl: ${safeText(error.message)}`];
  for (const part of partsOf(error)) lines.push(`  ${safeText(part)}`);
  if (error.next !== undefined) lines.push(`  hint: ${safeText(error.next)}`);
  if (debug) lines.push(...debugLines(code, error, thrown));
  const { usage, command } = error.details;
  if (error.code !== 'USAGE' || typeof command !== 'string') return lines.join('\n');
  if (typeof usage === 'string') lines.push('', `Usage:  ${safeText(usage)}`);
  lines.push('', `Run '${safeText(command)} --help' for more information`);
  return lines.join('\n');
}

/** What failed of several things. */
function partsOf({ cause }: HubError): readonly string[] {
  return cause instanceof AggregateError ? cause.errors.map((error: unknown) => messageOf(error)) : [];
}

function debugLines(code: string, error: HubError, thrown: unknown): readonly string[] {
  const lines = [`  code: ${code}`];
  if (Object.keys(error.details).length > 0) lines.push(`  details: ${safeJson(error.details)}`);
  for (const cause of causesOf(error)) lines.push(`  caused by: ${safeText(cause)}`);
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  for (const line of stack.split('\n').slice(1)) lines.push(`  ${safeText(line)}`);
  return lines;
}

function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < MOST_CAUSES;) {
    causes.push(messageOf(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function messageOf(error: unknown): string {
  if (HubError.is(error)) return `${error.message} (${error.code})`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
