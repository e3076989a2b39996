// What is under which name in an archive?
import { HubError } from '../../errors.ts';
import type { Content, ReadOptions } from '../../transfer/endpoint.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf, digestOf, encodedOf } from '../../spec/digest.ts';
import { collect } from '../../util/content.ts';
import { parseJson } from '../../util/json.ts';
import type { ArchiveFile } from './file.ts';
import { listTar, type TarMember } from '../../layers/tar.ts';

/** Bytes that a JSON file of an archive may have. */
const JSON_LIMIT: number = 4 * 1024 * 1024;
const MAX_LINKS = 16;

/** The files of an archive by name. Links are followed inside the archive only. */
export class ArchiveTree {
  readonly file: ArchiveFile;
  readonly #members: ReadonlyMap<string, TarMember>;

  private constructor(file: ArchiveFile, members: ReadonlyMap<string, TarMember>) {
    this.file = file;
    this.#members = members;
  }

  /** Throws CONTENT_INVALID for a damaged archive, and for one with a name that leaves it. */
  static async of(file: ArchiveFile): Promise<ArchiveTree> {
    const members = new Map<string, TarMember>();
    for (const member of await listTar((position, length) => file.readAt(position, length), file.size, file.name)) {
      const path = normalise(member.path);
      if (path === undefined)
        throw new HubError('CONTENT_INVALID', `${file.name} holds a file outside itself: "${member.path}"`);
      // Of duplicates the last one counts, as when the archive is unpacked.
      members.set(path, member);
    }
    return new ArchiveTree(file, members);
  }

  get name(): string {
    return this.file.name;
  }

  /** The regular file under a name, links resolved. Undefined when there is none, or a link leads nowhere or outside. */
  find(name: string): TarMember | undefined {
    let path = normalise(name);
    for (let links = 0; links <= MAX_LINKS; links += 1) {
      const member = path === undefined ? undefined : this.#members.get(path);
      if (!member || path === undefined) return undefined;
      if (member.kind === 'file') return member;
      path = target(path, member);
    }
    return undefined;
  }

  /** The file of a blob, if it is there with the size promised. */
  blob(descriptor: Pick<Descriptor, 'digest' | 'size'>): TarMember | undefined {
    const { digest, size } = descriptor;
    const member = this.find(`blobs/${algorithmOf(digest)}/${encodedOf(digest)}`);
    return member?.size === size ? member : undefined;
  }

  content(member: TarMember, options: ReadOptions = {}): Content {
    const { start = 0, end = member.size } = options;
    return this.file.content(member.offset + start, member.offset + Math.min(end, member.size), options.signal);
  }

  /** All bytes of a small file. Throws CONTENT_INVALID when it is larger than 4 MiB. */
  bytes(member: TarMember): Promise<Buffer> {
    return collect(this.content(member), JSON_LIMIT, `"${member.path}" in ${this.name}`);
  }

  /** The JSON value of a file; undefined when the file is not there. */
  async json(name: string): Promise<unknown> {
    const member = this.find(name);
    if (!member) return undefined;
    return parseJson((await this.bytes(member)).toString('utf8'), `${name} in ${this.name}`);
  }

  /** Bytes of a small blob that have its digest; undefined when it is absent or different. */
  async verifiedBytes(descriptor: Descriptor): Promise<Buffer | undefined> {
    const member = descriptor.size <= JSON_LIMIT ? this.blob(descriptor) : undefined;
    if (!member) return undefined;
    const bytes = await this.bytes(member);
    return digestOf(bytes, algorithmOf(descriptor.digest)) === descriptor.digest ? bytes : undefined;
  }
}

/** The path without `.` and empty parts; undefined when it is absolute, empty by `..`, or holds a NUL. */
function normalise(path: string): string | undefined {
  if (path.startsWith('/') || path.includes('\0')) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

function target(path: string, link: TarMember): string | undefined {
  if (link.linkPath === undefined) return undefined;
  if (link.kind === 'hardlink') return normalise(link.linkPath);
  if (link.linkPath.startsWith('/')) return undefined;
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  return normalise(`${directory}${link.linkPath}`);
}
