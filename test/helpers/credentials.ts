// How does a test get a home directory with credentials in it, helpers that are scripts, and a keychain in memory?
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createCredentials, type CredentialAccess, type CredentialsOptions } from '../../src/credentials/access.ts';
import type { KeychainDoor, KeychainItem } from '../../src/credentials/keychain.ts';
import { HubError } from '../../src/errors.ts';

export const HUB = 'https://index.docker.io/v1/';

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A user with a home of their own and a folder on PATH for helpers. */
export class Home implements AsyncDisposable {
  readonly path: string;
  readonly warnings: string[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Home> {
    const path = await mkdtemp(join(tmpdir(), 'hubctl-credentials-'));
    await mkdir(join(path, 'bin'));
    return new Home(path);
  }

  get env(): Record<string, string> {
    return {
      HOME: this.path,
      PATH: `${join(this.path, 'bin')}:/usr/bin:/bin`,
      XDG_RUNTIME_DIR: join(this.path, 'run'),
    };
  }

  at(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, content: string | object, mode = 0o600): Promise<string> {
    const path = this.at(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, undefined, '\t'), { mode });
    await chmod(path, mode);
    return path;
  }

  async text(name: string): Promise<string> {
    return readFile(this.at(name), 'utf8');
  }

  async json(name = '.docker/config.json'): Promise<any> {
    return JSON.parse(await this.text(name));
  }

  async mode(name: string): Promise<number> {
    return (await stat(this.at(name))).mode & 0o777;
  }

  /** A helper that is a shell script. `$1` is the action; what was called is logged to `<name>.log`. */
  async helper(name: string, script: string): Promise<void> {
    const log = `echo "$1" >> ${this.at(`${name}.log`)}\n`;
    await this.write(`bin/docker-credential-${name}`, `#!/bin/sh\n${log}${script}\n`, 0o755);
  }

  /** A helper that keeps entries in a file, as real ones do. */
  async keepingHelper(name: string, entries: Readonly<Record<string, readonly [string, string]>> = {}): Promise<void> {
    const file = this.at(`${name}.json`);
    await writeFile(file, JSON.stringify(entries));
    const script = `
      const fs = require('fs');
      const [action] = process.argv.slice(2);
      fs.appendFileSync(${JSON.stringify(this.at(`${name}.log`))}, action + '\\n');
      const entries = JSON.parse(fs.readFileSync(${JSON.stringify(file)}, 'utf8'));
      const input = fs.readFileSync(0, 'utf8');
      const fail = (text) => { process.stdout.write(text + '\\n'); process.exit(1); };
      if (action === 'list') console.log(JSON.stringify(Object.fromEntries(Object.entries(entries).map(([k, v]) => [k, v[0]]))));
      if (action === 'get') {
        const key = input.trim();
        if (!entries[key]) fail('credentials not found in native keychain');
        console.log(JSON.stringify({ ServerURL: key, Username: entries[key][0], Secret: entries[key][1] }));
      }
      if (action === 'store') {
        const { ServerURL, Username, Secret } = JSON.parse(input);
        entries[ServerURL] = [Username, Secret];
      }
      if (action === 'erase') delete entries[input.trim()];
      fs.writeFileSync(${JSON.stringify(file)}, JSON.stringify(entries));`;
    await this.write(`bin/docker-credential-${name}`, `#!${process.execPath}\n${script}\n`, 0o755);
  }

  /** What a keeping helper has. */
  async kept(name: string): Promise<Record<string, [string, string]>> {
    return JSON.parse(await this.text(`${name}.json`));
  }

  /** The actions a helper was called with. */
  async calls(name: string): Promise<readonly string[]> {
    const text = await this.text(`${name}.log`).catch(() => '');
    return text.split('\n').filter(Boolean);
  }

  credentials(options: Partial<CredentialsOptions> = {}): CredentialAccess {
    const { env, ...rest } = options;
    return createCredentials({
      env: { ...this.env, ...env },
      home: this.path,
      platform: 'linux',
      keychain: deadKeychain(),
      warn: (text) => void this.warnings.push(text),
      ...rest,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** A keychain that works. */
export class MemoryKeychain implements KeychainDoor {
  readonly items = new Map<string, KeychainItem>();
  readonly calls: string[] = [];

  async get(server: string): Promise<KeychainItem | undefined> {
    this.calls.push(`get ${server}`);
    return this.items.get(server);
  }

  async set(item: KeychainItem): Promise<void> {
    this.calls.push(`set ${item.server}`);
    this.items.set(item.server, item);
  }

  async erase(servers: readonly string[]): Promise<readonly string[]> {
    return servers.filter((server) => this.items.delete(server));
  }

  async list(): Promise<readonly { readonly server: string; readonly username: string }[]> {
    return [...this.items.values()].map(({ server, username }) => ({ server, username }));
  }

  async probe(): Promise<void> {
    this.calls.push('probe');
  }
}

/** A keychain as a machine without a desktop has it. */
export function deadKeychain(): KeychainDoor {
  const refuse = async (): Promise<never> => {
    throw new HubError('CREDENTIALS_UNAVAILABLE', 'the keychain refused: no D-Bus', {
      hint: 'use --credential-store file',
    });
  };
  return { get: refuse, set: refuse, erase: refuse, list: refuse, probe: refuse };
}
