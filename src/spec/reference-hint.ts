// What exactly is wrong with an image name that was refused, and where?
import { safeText } from '../util/text.ts';

/** The pieces of an input, found but not yet checked. `pathAt` is where the user's path begins in the input. */
export interface ReferenceParts {
  readonly registry: string;
  readonly hasRegistry: boolean;
  readonly path: string;
  readonly pathAt: number;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Longer input is refused before any pattern looks at it; characters. */
export const REFERENCE_LIMIT = 4096;
/** Longest repository path [distribution/reference RepositoryNameTotalLengthMax]; bytes. */
export const PATH_LIMIT = 255;

const QUOTE_LIMIT = 100;
const EXAMPLES = 'write [host[:port]/]repository[:tag][@digest], such as alpine:3.20 or ghcr.io/owner/app';

/** One line about a name that `parseReference` refused; positions count characters of the input from 1. Never throws. */
export function explainReference(text: string, parts: ReferenceParts): string {
  return (
    inputProblem(text) ??
    hostProblem(text, parts) ??
    pathProblem(text, parts) ??
    tagProblem(text, parts) ??
    digestProblem(text, parts) ??
    EXAMPLES
  );
}

function inputProblem(text: string): string | undefined {
  if (text === '') return `the name is empty; ${EXAMPLES}`;
  if (text.length > REFERENCE_LIMIT) return `it has ${text.length} characters, at most ${REFERENCE_LIMIT} are read`;
  if (/^[a-f0-9]{64}$/.test(text)) return `for a digest write name@sha256:${text}`;
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.exec(text)?.[0];
  if (scheme !== undefined) {
    const rest = text.slice(scheme.length);
    return rest === '' ? EXAMPLES : `leave out ${quote(scheme)}: ${quote(rest)}`;
  }
  const blank = text.search(/\s/);
  if (blank >= 0) return `remove the blank at position ${blank + 1} of ${quote(text)}`;
  const odd = text.search(/[^\x21-\x7e]/);
  return odd < 0
    ? undefined
    : `${characterAt(text, odd)} is not allowed: a name has ASCII letters, digits and . _ - / : @`;
}

function hostProblem(text: string, { registry: host, hasRegistry, pathAt }: ReferenceParts): string | undefined {
  if (text.startsWith('[') && pathAt === 0) return `a repository is missing after the host ${quote(text)}`;
  if (!hasRegistry) return undefined;
  if (host.startsWith('[')) return ipv6Problem(host);
  if (host.split(':').length > 2)
    return `${quote(host)} is not a host: ports follow one ":", IPv6 addresses stand in [ ]`;
  const [name = '', port] = host.split(':');
  if (port !== undefined && !/^[0-9]+$/.test(port))
    return `${quote(port)} is not a port number in the host ${quote(host)}`;
  const bad = name.search(/[^a-zA-Z0-9.-]/);
  if (bad >= 0) return `${characterAt(text, bad)} is not allowed in a host name`;
  const part = name.split('.').find((label) => !/^[^-](?:.*[^-])?$/.test(label));
  if (part === '') return `the host name ${quote(name)} has an empty part`;
  return part === undefined ? undefined : `the part ${quote(part)} of the host name may not begin or end with "-"`;
}

function ipv6Problem(host: string): string | undefined {
  const zone = /%[^\]]*/.exec(host)?.[0];
  if (zone !== undefined) return `leave out the zone id ${quote(zone)}, which names of images do not support`;
  if (/^\[[a-fA-F0-9:]+\](?::[0-9]+)?$/.test(host)) return undefined;
  return `${quote(host)} is not a bracketed IPv6 address with or without a port, such as [::1]:5000`;
}

function pathProblem(text: string, { path, pathAt }: ReferenceParts): string | undefined {
  const rest = text.slice(pathAt);
  const own = rest.slice(0, rest.search(/[:@]|$/));
  if (own !== own.toLowerCase()) {
    return `did you mean ${quote(text.slice(0, pathAt) + own.toLowerCase() + rest.slice(own.length))}?`;
  }
  if (own === '') return missingName(text, pathAt);
  let at = pathAt;
  for (const part of own.split('/')) {
    const problem = partProblem(text, part, at);
    if (problem !== undefined) return problem;
    at += part.length + 1;
  }
  return path.length > PATH_LIMIT ? `the repository name has ${path.length} characters` : undefined;
}

function missingName(text: string, at: number): string {
  if (at < text.length) return `the repository name before ${characterAt(text, at)} is missing`;
  return `a repository name is missing after ${quote(text)}`;
}

function partProblem(text: string, part: string, at: number): string | undefined {
  if (part === '') return emptyPart(text, at);
  const bad = part.search(/[^a-z0-9._-]/);
  if (bad >= 0) return `${characterAt(text, at + bad)} is not allowed in a repository name`;
  if (/^[._-]/.test(part)) return `${characterAt(text, at)} may not begin a part of a repository name`;
  if (/[._-]$/.test(part)) return `${characterAt(text, at + part.length - 1)} may not end a part of a repository name`;
  const run = [...part.matchAll(/[._-]+/g)].find(([separators]) => !/^(?:\.|__?|-+)$/.test(separators));
  if (!run) return undefined;
  return `${quote(run[0])} at position ${at + run.index + 1} is not allowed: separate by one ".", by "_", "__" or by dashes`;
}

function emptyPart(text: string, at: number): string {
  if (at === 0) return `remove the "/" at the beginning of ${quote(text)}`;
  const isLast = !text.slice(at).startsWith('/');
  return `${isLast ? 'a name is missing after the' : 'there is a second'} "/" at position ${isLast ? at : at + 1} of ${quote(text)}`;
}

function tagProblem(text: string, { tag, digest }: ReferenceParts): string | undefined {
  if (tag === undefined) return undefined;
  if (tag === '') return `a tag is missing after ":" in ${quote(text)}`;
  const at = text.length - (digest === undefined ? 0 : digest.length + 1) - tag.length;
  const bad = tag.search(/[^\w.-]/);
  if (bad >= 0) return `${characterAt(text, at + bad)} is not allowed in a tag`;
  if (/^[.-]/.test(tag)) return `${characterAt(text, at)} may not begin a tag`;
  return tag.length > 128 ? `the tag has ${tag.length} characters, at most 128 are allowed` : undefined;
}

function digestProblem(text: string, { digest }: ReferenceParts): string | undefined {
  if (digest === undefined) return undefined;
  if (digest === '') return `a digest is missing after "@" in ${quote(text)}`;
  const colon = digest.indexOf(':');
  const algorithm = digest.slice(0, Math.max(colon, 0));
  const digits = { sha256: 64, sha512: 128 }[algorithm.toLowerCase()];
  if (digits === undefined) return `${quote(digest)} is not a digest that can be checked: write sha256:<64 hex digits>`;
  if (digest !== digest.toLowerCase()) return `write the digest in lower case: ${quote(digest.toLowerCase())}`;
  const encoded = digest.slice(colon + 1);
  const bad = encoded.search(/[^a-f0-9]/);
  if (bad >= 0) return `${characterAt(text, text.length - encoded.length + bad)} is not a hex digit`;
  return `a ${algorithm} digest has ${digits} hex digits, this one has ${encoded.length}`;
}

function characterAt(text: string, index: number): string {
  return `${quote(String.fromCodePoint(text.codePointAt(index) ?? 0))} at position ${index + 1} of ${quote(text)}`;
}

function quote(text: string): string {
  return `"${safeText(text.length > QUOTE_LIMIT ? `${text.slice(0, QUOTE_LIMIT)}…` : text)}"`;
}
