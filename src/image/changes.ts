// What do instructions such as `ENV A=b` or `CMD ["sh"]` change in the config of an image?
import { HubError } from '../errors.ts';
import type { ContainerConfig } from '../spec/image-config.ts';

type Change = (config: ContainerConfig, rest: string) => ContainerConfig;

const SHELL = ['/bin/sh', '-c'];
const PORT = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i;

const INSTRUCTIONS: Readonly<Record<string, Change>> = {
  CMD: (config, rest) => ({ ...config, Cmd: command(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: command(rest) }),
  ENV: (config, rest) => ({ ...config, Env: withVariables(config.Env ?? [], pairs(rest)) }),
  EXPOSE: (config, rest) => ({
    ...config,
    ExposedPorts: { ...config.ExposedPorts, ...keys(words(rest).flatMap(ports)) },
  }),
  LABEL: (config, rest) => ({ ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs(rest)) } }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), trigger(rest)] }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: single(rest) }),
  USER: (config, rest) => ({ ...config, User: single(rest) }),
  VOLUME: (config, rest) => ({ ...config, Volumes: { ...config.Volumes, ...keys(list(rest) ?? words(rest)) } }),
  WORKDIR: (config, rest) => ({ ...config, WorkingDir: directory(config.WorkingDir ?? '/', single(rest)) }),
};

/** Names of the instructions that `applyChanges` knows. */
export const CHANGE_INSTRUCTIONS: readonly string[] = Object.keys(INSTRUCTIONS);

/**
 * Applies instructions in the words of a Dockerfile, one per text, in order. Variables are not expanded. Throws USAGE for
 * one that is unknown or malformed.
 */
export function applyChanges(changes: readonly string[], config: ContainerConfig = {}): ContainerConfig {
  return changes.reduce((current, text) => applyChange(text, current), config);
}

function applyChange(text: string, config: ContainerConfig): ContainerConfig {
  const [, name = '', rest = ''] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(text) ?? [];
  const change = INSTRUCTIONS[name.toUpperCase()];
  if (!change) throw wrong(text, name === '' ? 'it is empty' : `${name} is not an instruction that can be used here`);
  try {
    if (rest === '') throw new HubError('USAGE', 'it needs a value');
    return change(config, rest);
  } catch (error) {
    if (HubError.is(error, 'USAGE')) throw wrong(text, error.message);
    throw error;
  }
}

function wrong(text: string, why: string): HubError {
  return new HubError('USAGE', `--change "${text}" is not understood: ${why}`, {
    hint: `use ${CHANGE_INSTRUCTIONS.join(', ')} as in a Dockerfile`,
  });
}

/** A JSON list is run as it is; anything else by a shell. */
function command(rest: string): readonly string[] {
  return list(rest) ?? [...SHELL, rest];
}

/** A JSON list of texts; undefined for what is none, which then is plain text, as in a Dockerfile. */
function list(rest: string): readonly string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `A=b "C D"=e`, or the old form `A all the rest`. */
function pairs(rest: string): readonly (readonly [string, string])[] {
  const parts = words(rest);
  if (parts[0]?.includes('=') === false) {
    const [, name = '', value = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
    if (value === '') throw new HubError('USAGE', `"${name}" has no value`);
    return [[name, value]];
  }
  return parts.map((part) => {
    const equals = part.indexOf('=');
    if (equals <= 0) throw new HubError('USAGE', `"${part}" is not of the form NAME=VALUE`);
    return [part.slice(0, equals), part.slice(equals + 1)] as const;
  });
}

function withVariables(env: readonly string[], added: readonly (readonly [string, string])[]): readonly string[] {
  const variables = new Map(env.map((line) => [line.split('=', 1)[0] ?? '', line]));
  for (const [name, value] of added) variables.set(name, `${name}=${value}`);
  return [...variables.values()];
}

function ports(text: string): readonly string[] {
  const [, first = '', last = first, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' || to < from || from < 1 || to > 65_535) throw new HubError('USAGE', `"${text}" is not a port`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

function trigger(rest: string): string {
  if (/^(?:ONBUILD|FROM|MAINTAINER)\b/i.test(rest)) throw new HubError('USAGE', 'ONBUILD cannot hold this instruction');
  return rest;
}

function single(rest: string): string {
  const [word = '', ...others] = words(rest);
  if (others.length > 0) throw new HubError('USAGE', 'it takes one value');
  return word;
}

/** Relative directories go below the one set before, as in a Dockerfile. */
function directory(base: string, text: string): string {
  const parts: string[] = [];
  for (const part of (text.startsWith('/') ? text : `${base}/${text}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function keys(names: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** A blank, a word with or without quotes, or what can be neither: the beginning of a quote that is not closed. */
const PIECE = /\s+|((?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+)|(.)/gsy;
const QUOTED = /\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/gs;

/** Words as a shell would cut them: quotes keep blanks, a backslash keeps the next character. */
function words(text: string): readonly string[] {
  return [...text.matchAll(PIECE)].flatMap(([, word, stray]) => {
    if (stray !== undefined) throw new HubError('USAGE', `${stray} is not closed`);
    return word === undefined ? [] : [unquoted(word)];
  });
}

function unquoted(word: string): string {
  return word.replace(QUOTED, (_, ...groups: readonly (string | undefined)[]) => {
    const [escaped, double, plain] = groups;
    return escaped ?? plain ?? (double ?? '').replace(/\\(["\\$])/g, '$1');
  });
}
