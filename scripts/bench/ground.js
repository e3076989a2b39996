// On what ground do all programs stand? The same images, the same registry, an empty home for every run.
import { link, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from '../bundle.js';
import { makeImage, SHAPES } from './images.js';
import { ACCOUNT, LINKS, startProxy } from './link.js';
import { cpuOf } from './measure.js';
import { findRegistry, seed, startRegistry } from './registry.js';

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./images.js').Image} Image
 */

/** Bytes that the largest images need in a folder. */
const ROOM = 8e9;

export class Ground {
  /** @type {Map<string, Promise<Image>>} */
  #images = new Map();
  /** @type {Map<string, Promise<Link>>} */
  #links = new Map();
  /** @type {(() => void)[]} */
  #stops = [];
  /** Of registries and proxies. @type {(number | undefined)[]} */
  #servers = [];
  /** @type {Promise<{ port: number, tlsPort: number }> | undefined} */
  #registries;
  /** @type {Promise<void>} */
  #seeding = Promise.resolve();
  #count = 0;

  /**
   * @param {string} folder
   * @param {import('./registry.js').RegistryProgram} registry
   */
  constructor(folder, registry) {
    this.folder = folder;
    this.registry = registry;
  }

  /**
   * Undefined where no registry is to be had.
   *
   * @param {{ work?: string | undefined, registry?: string | undefined }} [wanted] a folder, a name
   */
  static async make({ work, registry: name } = {}) {
    const registry = await findRegistry(name);
    if (registry === undefined) return undefined;
    const parent = work ?? ((await hasRoom('/dev/shm')) ? '/dev/shm' : tmpdir());
    return new Ground(await mkdtemp(join(parent, 'hubctl-bench-')), registry);
  }

  async close() {
    for (const stop of this.#stops) stop();
    // A registry that has just been told to stop may still write.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** Seconds of CPU of the registries and of the lines to them so far; undefined where that cannot be told. */
  serverCpu() {
    return cpuOf(this.#servers);
  }

  registries() {
    this.#registries ??= (async () => {
      const { key, certificate } = await this.#certificate();
      const data = join(this.folder, 'registry');
      const plain = await startRegistry(this.registry, data);
      this.#stops.push(plain.stop);
      this.#servers.push(plain.pid);
      const secureData = this.registry.shares ? data : join(this.folder, 'registry-tls');
      const secure = await startRegistry(this.registry, secureData, { key, certificate });
      this.#stops.push(secure.stop);
      this.#servers.push(secure.pid);
      return { port: plain.port, tlsPort: secure.port };
    })();
    return this.#registries;
  }

  get authorities() {
    return join(this.folder, 'ca.pem');
  }

  /** The tests' own maker of certificates. */
  async #certificate() {
    const module = join(this.folder, 'certificates.mjs');
    await build({
      entryPoints: [join(ROOT, 'test/helpers/certificates.ts')],
      outfile: module,
      format: 'esm',
      platform: 'node',
      bundle: true,
      logLevel: 'warning',
    });
    const { issueCertificate } = await import(pathToFileURL(module).href);
    const authority = issueCertificate({ name: 'bench authority' });
    const issued = issueCertificate({ name: '127.0.0.1', hosts: ['127.0.0.1', 'localhost'], issuer: authority });
    const [key, certificate] = [join(this.folder, 'tls.key'), join(this.folder, 'tls.pem')];
    await writeFile(key, issued.key, { mode: 0o600 });
    await writeFile(certificate, issued.certificate);
    await writeFile(this.authorities, authority.certificate);
    return { key, certificate };
  }

  /**
   * Made once, and put into the registry as `bench/NAME:latest`.
   *
   * @param {string} name
   * @param {import('./images.js').Shape} [shape]
   * @returns {Promise<Image>}
   */
  image(name, shape = SHAPES[name]) {
    const known = this.#images.get(name) ?? this.#newImage(name, shape);
    this.#images.set(name, known);
    return known;
  }

  /** @param {string} name @param {import('./images.js').Shape | undefined} shape */
  async #newImage(name, shape) {
    if (shape === undefined) throw new Error(`no such image: ${name}`);
    const image = await makeImage(name, shape, join(this.folder, 'images', name));
    const { port, tlsPort } = await this.registries();
    this.#seeding = this.#seeding.then(async () => {
      await seed({ port }, `bench/${name}`, image);
      if (!this.registry.shares)
        await seed({ port: tlsPort, ca: await readFile(this.authorities) }, `bench/${name}`, image);
    });
    await this.#seeding;
    return image;
  }

  /** Makes room; the registry keeps its copy. @param {string} name */
  async forget(name) {
    this.#images.delete(name);
    await rm(join(this.folder, 'images', name), { recursive: true, force: true });
  }

  /**
   * @param {string} name of a row of LINKS
   * @param {'timed' | 'counted'} purpose
   * @returns {Promise<Link>}
   */
  link(name, purpose) {
    const kind = LINKS[name];
    if (kind === undefined) throw new Error(`no such line: ${name}`);
    if (kind.direct && purpose === 'timed') return this.#directLink(kind.tls);
    const known = this.#links.get(name) ?? this.#newLink(kind);
    this.#links.set(name, known);
    return known;
  }

  /** @param {{ tls: boolean, proxy: object }} kind */
  async #newLink({ tls, proxy }) {
    const { port, tlsPort } = await this.registries();
    const link = await startProxy({ ...proxy, targetPort: tls ? tlsPort : port }, tls);
    this.#stops.push(link.stop);
    this.#servers.push(link.pid);
    return link;
  }

  /** @param {boolean} tls @returns {Promise<Link>} */
  async #directLink(tls) {
    const { port, tlsPort } = await this.registries();
    const nothing = { connections: 0, requests: 0, byKind: {} };
    const host = `127.0.0.1:${tls ? tlsPort : port}`;
    return { host, tls, reset: async () => undefined, counts: async () => nothing, stop: () => undefined };
  }

  /** A number for names that no run has had. */
  next() {
    return ++this.#count;
  }

  /**
   * An empty home; with an account where the line wants one. Gives the environment of a run.
   *
   * @param {Link | undefined} link
   * @returns {Promise<Record<string, string>>}
   */
  async home(link) {
    const home = join(this.folder, 'home');
    await rm(home, { recursive: true, force: true });
    await mkdir(join(home, 'run'), { recursive: true, mode: 0o700 });
    await mkdir(join(home, 'tmp'));
    await mkdir(join(home, '.docker'));
    const auth = Buffer.from(ACCOUNT).toString('base64');
    const auths = link === undefined ? {} : { [link.host]: { auth } };
    await writeFile(join(home, '.docker/config.json'), JSON.stringify({ auths }), { mode: 0o600 });
    return {
      PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      DOCKER_CONFIG: join(home, '.docker'),
      XDG_RUNTIME_DIR: join(home, 'run'),
      TMPDIR: join(home, 'tmp'),
      SSL_CERT_FILE: this.authorities,
      // Keeps skopeo's memory of blobs in this home when root runs it.
      _CONTAINERS_ROOTLESS_UID: '1000',
    };
  }

  /**
   * A store that holds the image under this name and has no memory of registries; the blobs are shared.
   *
   * @param {Image} image
   * @param {string[]} references
   * @returns {Promise<string>}
   */
  async freshStore(image, ...references) {
    const store = join(this.folder, 'home/store');
    const blobs = join(store, 'blobs/sha256');
    await mkdir(blobs, { recursive: true });
    for (const { digest } of [...image.blobs, image.manifest]) {
      const hex = digest.replace('sha256:', '');
      await link(join(image.folder, 'blobs/sha256', hex), join(blobs, hex));
    }
    const manifests = references.map((reference) => {
      return { ...image.manifest, annotations: { 'org.opencontainers.image.ref.name': reference } };
    });
    const index = { schemaVersion: 2, manifests };
    await writeFile(join(store, 'index.json'), JSON.stringify(index));
    await writeFile(join(store, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return store;
  }
}

/** @param {string} folder */
async function hasRoom(folder) {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize > ROOM;
  } catch {
    return false;
  }
}
