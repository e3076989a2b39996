// How is each program told to do the same work?
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram, HUBCTL } from './registry.js';

const execute = promisify(execFile);
const LEAST = fileURLToPath(new URL('least.cjs', import.meta.url));

/**
 * @typedef {object} Job
 * @property {import('./link.js').Link} link
 * @property {string} reference where the image is, or shall be
 * @property {string} target second reference of a copy
 * @property {string} layout folder of the image, for pushes
 * @property {string} store folder of hubctl's store
 * @property {string} out folder for what is pulled
 *
 * @typedef {'version' | 'help' | 'pull' | 'push' | 'copy' | 'digest'} Verb
 * @typedef {{ name: string, program: string, version: string, argv: (verb: Verb, job: Job) => string[] | undefined }} Tool
 */

/** @type {Readonly<Record<string, (verb: Verb, job: Job) => string[] | undefined>>} */
const ARGUMENTS = {
  hubctl: (verb, { reference, target, store }) =>
    ({
      version: ['--version'],
      help: ['--help'],
      pull: ['pull', '--store', store, reference],
      push: ['push', '--store', store, reference],
      copy: ['copy', reference, target],
      digest: ['digest', reference],
    })[verb],
  crane: (verb, { link, reference, target, layout, out }) => {
    const insecure = link.tls ? [] : ['--insecure'];
    return {
      version: ['version'],
      help: ['--help'],
      pull: ['pull', ...insecure, '--format=oci', reference, out],
      push: ['push', ...insecure, layout, reference],
      copy: ['copy', ...insecure, reference, target],
      digest: ['digest', ...insecure, reference],
    }[verb];
  },
  skopeo: (verb, { link, reference, target, layout, out }) => {
    const copy = ['--insecure-policy', 'copy', '-q'];
    const [from, to] = link.tls ? [[], []] : [['--src-tls-verify=false'], ['--dest-tls-verify=false']];
    return {
      version: ['--version'],
      help: ['--help'],
      pull: [...copy, ...from, `docker://${reference}`, `oci:${out}:latest`],
      push: [...copy, ...to, `oci:${layout}:latest`, `docker://${reference}`],
      copy: [...copy, ...from, ...to, `docker://${reference}`, `docker://${target}`],
      digest: ['inspect', ...(link.tls ? [] : ['--tls-verify=false']), '--raw', `docker://${reference}`],
    }[verb];
  },
  oras: (verb, { link, reference, target, layout, out }) => {
    const plain = String(!link.tls);
    return {
      version: ['version'],
      help: ['--help'],
      pull: ['cp', `--from-plain-http=${plain}`, '--to-oci-layout', '--no-tty', reference, `${out}:latest`],
      push: ['cp', `--to-plain-http=${plain}`, '--from-oci-layout', '--no-tty', `${layout}:latest`, reference],
      copy: ['cp', `--from-plain-http=${plain}`, `--to-plain-http=${plain}`, '--no-tty', reference, target],
      digest: ['manifest', 'fetch', `--plain-http=${plain}`, '--descriptor', reference],
    }[verb];
  },
  regctl: (verb, { link, reference, target, layout, out }) => {
    const copy = [
      'image',
      'copy',
      '-v',
      'error',
      '--host',
      `reg=${link.host},tls=${link.tls ? 'enabled' : 'disabled'}`,
    ];
    return {
      version: ['version'],
      help: ['--help'],
      pull: [...copy, reference, `ocidir://${out}:latest`],
      push: [...copy, `ocidir://${layout}:latest`, reference],
      copy: [...copy, reference, target],
      digest: ['image', 'digest', ...copy.slice(2), reference],
    }[verb];
  },
  // docker's daemon unpacks what it pulls, and its CPU is not the client's: the client's start is all that compares.
  docker: (verb) => ({ version: ['--version'], help: ['--help'] })[/** @type {'version'} */ (verb)],
};

const PEERS = ['crane', 'skopeo', 'oras', 'regctl', 'docker'];

/** @returns {Promise<{ tools: Tool[], skipped: string[] }>} hubctl first */
export async function findTools() {
  /** @type {Tool[]} */
  const tools = [];
  const skipped = [];
  for (const name of ['hubctl', ...PEERS]) {
    const program = name === 'hubctl' ? HUBCTL : await findProgram(name);
    if (program === undefined) skipped.push(name);
    else {
      const rest = (/** @type {Verb} */ verb, /** @type {Job} */ job) => ARGUMENTS[name]?.(verb, job);
      tools.push({ name, program, version: await versionOf(name, program), argv: withProgram(program, rest) });
    }
  }
  return { tools, skipped };
}

/**
 * @param {string} program
 * @param {Tool['argv']} rest
 * @returns {Tool['argv']}
 */
function withProgram(program, rest) {
  return (verb, job) => {
    const args = rest(verb, job);
    return args && [program, ...args];
  };
}

/**
 * @param {string} name
 * @param {string} program
 */
async function versionOf(name, program) {
  const argument = ['crane', 'oras', 'regctl'].includes(name) ? 'version' : '--version';
  try {
    const { stdout } = await execute(program, [argument]);
    const line = /^(?:VCSTag|Version):?\s+(\S+)/m.exec(stdout)?.[1] ?? stdout.split('\n')[0] ?? '';
    return /v?(\d+\.\d[\w.+-]*)/.exec(line)?.[1] ?? line.trim();
  } catch {
    return 'unknown';
  }
}

/** Yardsticks, by their names in results. */
export const FLOORS = { start: '(node -e 0)', tools: '(curl + openssl)', least: '(least node)' };

/**
 * What can be had at best without a client for registries: Node.js that does nothing, two programs that everybody has, and the
 * least program that does the same in Node.js.
 *
 * @param {Verb} verb
 * @param {{ tls: boolean, authorities: string }} line authorities: a file
 * @returns {Promise<{ name: string, argv: (job: Job) => string[] }[]>}
 */
export async function floorsOf(verb, { tls, authorities }) {
  if (verb === 'version' || verb === 'help') return [{ name: FLOORS.start, argv: () => [process.execPath, '-e', '0'] }];
  const tools = verb === 'pull' && !tls ? await curlAndOpenssl() : undefined;
  const least = { name: FLOORS.least, argv: (/** @type {Job} */ job) => leastOf(verb, job, authorities) };
  return tools ? [tools, least] : [least];
}

/** @param {Verb} verb @param {Job} job @param {string} authorities */
function leastOf(verb, { link, reference, layout, out }, authorities) {
  const { host, repository } = placeOf(reference);
  const folder = verb === 'pull' ? out : layout;
  return [process.execPath, LEAST, verb, host, repository, folder, ...(link.tls ? [authorities] : [])];
}

/** @returns {Promise<{ name: string, argv: (job: Job) => string[] } | undefined>} */
async function curlAndOpenssl() {
  const [curl, openssl] = await Promise.all([findProgram('curl'), findProgram('openssl')]);
  if (curl === undefined || openssl === undefined) return undefined;
  return { name: FLOORS.tools, argv: (job) => ['sh', '-c', curlScript(job)] };
}

/** Of the tag `latest`. @param {string} reference */
function placeOf(reference) {
  const [host = '', ...path] = reference.replace(/:latest$/, '').split('/');
  return { host, repository: path.join('/') };
}

/** @param {Job} job */
function curlScript({ reference, out }) {
  const { host, repository } = placeOf(reference);
  const base = `http://${host}/v2/${repository}`;
  return `mkdir -p ${out}; curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' ${base}/manifests/latest |
    grep -oE 'sha256:[0-9a-f]{64}' | sort -u | sed 's#.*#url=${base}/blobs/&\\noutput=${out}/&#' >${out}/list;
    curl -s -Z --parallel-max 8 -K ${out}/list; find ${out} -name 'sha256:*' | xargs -P2 -n 64 openssl dgst -sha256 -r`;
}
