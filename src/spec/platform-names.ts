// Which names do operating systems and processors go by, and which processors run the programs of which others?

/** An architecture and its variant, such as arm64 and v8. */
export interface Processor {
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const KNOWN_OS =
  /^(?:aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|windows|zos)$/;
const KNOWN_ARCHITECTURE =
  /^(?:386|amd64|amd64p32|arm|armbe|arm64|arm64be|ppc64|ppc64le|loong64|mips|mipsle|mips64|mips64le|mips64p32|mips64p32le|ppc|riscv|riscv64|s390|s390x|sparc|sparc64|wasm)$/;
const NODE_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
  mips64el: 'mips64le',
};

/** Takes a normal name. */
export function isKnownOs(os: string): boolean {
  return KNOWN_OS.test(os);
}

/** Takes a normal name. */
export function isKnownArchitecture(architecture: string): boolean {
  return KNOWN_ARCHITECTURE.test(architecture);
}

/** The architecture that Node.js calls `process.arch`. */
export function nodeArchitecture(nodeArch: string): string {
  return NODE_ARCHITECTURES[nodeArch] ?? nodeArch;
}

/** Lower case, `macos` translated. */
export function normalOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['aarch64', 'arm64'],
]);
/** Aliases that leave no choice of variant. */
const FIXED: ReadonlyMap<string, Processor> = new Map([
  ['i386', { architecture: '386' }],
  ['armhf', { architecture: 'arm', variant: 'v7' }],
  ['armel', { architecture: 'arm', variant: 'v6' }],
]);

/** Lower case, aliases translated, default variants left out except arm's v7 [containerd/platforms normalizeArch]. */
export function normalArchitecture(architecture: string, variant: string | undefined): Processor {
  const lower = architecture.toLowerCase();
  const fixed = FIXED.get(lower);
  if (fixed) return fixed;
  const name = ALIASES.get(lower) ?? lower;
  const given = variant === undefined || variant === '' ? undefined : variant.toLowerCase();
  return { architecture: name, variant: normalVariant(name, given) };
}

function normalVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === 'arm') return variant === undefined ? 'v7' : variant.replace(/^[5-8]$/, 'v$&');
  if (architecture === 'arm64') return arm64Variant(variant);
  return architecture === 'amd64' && variant === 'v1' ? undefined : variant;
}

function arm64Variant(variant: string | undefined): string | undefined {
  if (variant === '8' || variant === 'v8' || variant === 'v8.0') return undefined;
  return variant === '9' || variant === '9.0' || variant === 'v9.0' ? 'v9' : variant;
}

/**
 * The processors whose programs run on this one, best first, as `architecture/variant` in normal form. Takes a normal
 * name [containerd/platforms platformVector].
 */
export function acceptedProcessors({ architecture, variant = '' }: Processor): readonly string[] {
  switch (architecture) {
    case 'amd64':
      return [
        `amd64/${variant}`,
        ...olderVariants(variant, 2).map((v) => `amd64/${v}`),
        ...plainAmd64(variant),
        '386/',
      ];
    case 'arm':
      return [`arm/${variant}`, ...olderVariants(variant, 5).map((v) => `arm/${v}`)];
    case 'arm64':
      return arm64AndOlder(variant);
    default:
      return [`${architecture}/${variant}`];
  }
}

/** `v4` and 2 give v3, v2. */
function olderVariants(variant: string, oldest: number): readonly string[] {
  const count = numberOf(variant) - oldest;
  return count > 0 ? Array.from({ length: count }, (_, index) => `v${oldest + count - 1 - index}`) : [];
}

function plainAmd64(variant: string): readonly string[] {
  return numberOf(variant) > 1 ? ['amd64/'] : [];
}

/** At most two digits, so that an absurd variant cannot make a long list; 0 for anything else. */
function numberOf(variant: string): number {
  return Number(/^v?(\d{1,2})$/.exec(variant)?.[1] ?? 0);
}

/** v9.x includes v8.(x+5), each minor version all before it, and all of them 32-bit arm. */
function arm64AndOlder(variant: string): readonly string[] {
  const match = /^v([89])(?:\.(\d))?$/.exec(variant === '' ? 'v8' : variant);
  if (!match) return [`arm64/${variant}`];
  const minor = Number(match[2] ?? 0);
  const variants =
    match[1] === '8'
      ? minorVersions(8, minor)
      : [...minorVersions(9, minor), ...minorVersions(8, Math.min(minor + 5, 9))];
  return [...variants.map((v) => `arm64/${v}`), 'arm/v8', ...olderVariants('v8', 5).map((v) => `arm/${v}`)];
}

/** 9 and 1 give v9.1, v9; the first of v8 has no variant in normal form. */
function minorVersions(major: 8 | 9, minor: number): readonly string[] {
  const first = major === 8 ? '' : 'v9';
  return Array.from({ length: minor + 1 }, (_, index) => (index === minor ? first : `v${major}.${minor - index}`));
}
