// For which operating system and processor is an image, and how well does that suit what is wanted?
import { HubError } from '../errors.ts';
import { isRecord } from '../util/json.ts';
import {
  acceptedProcessors,
  isKnownArchitecture,
  isKnownOs,
  normalArchitecture,
  normalOs,
  nodeArchitecture,
} from './platform-names.ts';
import type { Processor } from './platform-names.ts';

/** In the words of the Go toolchain, such as linux, arm64, v8 [OCI image-spec image-index.md]. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

const OS_PART = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const OTHER_PART = /^[A-Za-z0-9_.-]+$/;
const LENGTH_LIMIT = 256;

/**
 * Reads `os[(version[+feature]*)][/architecture[/variant]]`, or one known os or architecture whose other half is that of
 * `host`; aliases such as x86_64 are translated [containerd/platforms Parse]. Throws REFERENCE_INVALID.
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const [osPart = '', architecture, variant, ...others] = text.split('/', 4);
  const match = OS_PART.exec(osPart);
  const rest = [architecture, variant].filter((part) => part !== undefined);
  if (!match || others.length > 0 || text.length > LENGTH_LIMIT || !rest.every((part) => OTHER_PART.test(part))) {
    throw invalidPlatform(text, `invalid platform "${text.slice(0, LENGTH_LIMIT)}"`);
  }
  const base = { os: normalOs(match[1] ?? ''), ...osOptions(text, match[2] ?? '', match[3] ?? '') };
  if (architecture === undefined) return fromOneWord(text, base, host);
  const normal = normalArchitecture(architecture, variant);
  return { ...base, ...(variant === undefined ? withoutDefault(normal) : withDefault(normal)) };
}

/** `linux/arm64/v8`, `windows(10.0.17763+win32k)/amd64`: the parts as they are; features sorted, each once. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  if (os === '') return 'unknown';
  const features = sortedFeatures(platform.osFeatures).map((feature) => `+${encodeOption(feature)}`);
  const options = encodeOption(platform.osVersion ?? '') + features.join('');
  return [options === '' ? os : `${os}(${options})`, architecture, variant].filter(Boolean).join('/');
}

/** The form that matching compares: lower case, aliases translated, no default variant except arm's v7. */
export function normalizePlatform(platform: Platform): Platform {
  const features = sortedFeatures(platform.osFeatures);
  return {
    os: normalOs(platform.os),
    ...normalArchitecture(platform.architecture, platform.variant),
    osVersion: platform.osVersion === '' ? undefined : platform.osVersion,
    osFeatures: features.length === 0 ? undefined : features,
  };
}

/** True when both mean the same platform, version and features of the operating system included. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/** Linux on the processor of this machine, whatever its operating system. Takes `process.platform` and `process.arch`. */
export function hostPlatform(nodePlatform: string, nodeArch: string): Platform {
  // Node.js has one name for both byte orders; only AIX is big-endian.
  if (nodeArch === 'ppc64' && nodePlatform === 'aix') return { os: 'linux', architecture: 'ppc64' };
  return { os: 'linux', architecture: nodeArchitecture(nodeArch) };
}

/**
 * How well content for `candidate` runs where `wanted` is asked for: 0 is best, undefined is not at all. Older variants
 * and 32-bit relatives suit less [containerd/platforms Only]. A wanted version of the operating system has to suit one
 * that the candidate names, and the candidate may need no feature that is not wanted.
 */
export function platformRank(wanted: Platform, candidate: Platform): number | undefined {
  const want = normalizePlatform(wanted);
  const have = normalizePlatform(candidate);
  if (want.os !== have.os || !suitsOsVersion(want, have)) return undefined;
  const offered = want.osFeatures ?? [];
  // Desktop features were never compared on Windows, so images may name this one to older clients.
  const needed = (have.osFeatures ?? []).filter((feature) => have.os !== 'windows' || feature !== 'win32k');
  if (!needed.every((feature) => offered.includes(feature))) return undefined;
  const index = acceptedProcessors(want).indexOf(`${have.architecture}/${have.variant ?? ''}`);
  return index < 0 ? undefined : index * (offered.length + 1) + offered.length - needed.length;
}

/** The platform object of a descriptor or an image config; undefined unless `os` and `architecture` are texts. */
export function platformFrom(value: unknown): Platform | undefined {
  if (!isRecord(value) || typeof value['os'] !== 'string' || typeof value['architecture'] !== 'string')
    return undefined;
  const { os, architecture, variant } = value;
  const version = value['os.version'];
  const features = value['os.features'];
  return {
    os,
    architecture,
    variant: typeof variant === 'string' && variant !== '' ? variant : undefined,
    osVersion: typeof version === 'string' && version !== '' ? version : undefined,
    osFeatures: Array.isArray(features) ? features.filter((feature) => typeof feature === 'string') : undefined,
  };
}

function fromOneWord(text: string, base: Omit<Platform, 'architecture'>, host: Platform): Platform {
  if (isKnownOs(base.os)) {
    return { ...base, ...withoutDefault(normalArchitecture(host.architecture, host.variant)) };
  }
  const normal = withoutDefault(normalArchitecture(text, undefined));
  if (isKnownArchitecture(normal.architecture)) return { os: normalOs(host.os), ...normal };
  throw invalidPlatform(text, `"${text}": unknown operating system or architecture: invalid argument`);
}

/** A default variant that was written out is kept for printing; matching drops it. */
function withDefault({ architecture, variant }: Processor): Processor {
  return { architecture, variant: architecture === 'arm64' ? (variant ?? 'v8') : variant };
}

function withoutDefault({ architecture, variant }: Processor): Processor {
  return { architecture, variant: architecture === 'arm' && variant === 'v7' ? undefined : variant };
}

function suitsOsVersion({ os, osVersion }: Platform, candidate: Platform): boolean {
  if (osVersion === undefined || candidate.osVersion === undefined) return true;
  return os === 'windows' ? suitsWindows(osVersion, candidate.osVersion) : osVersion === candidate.osVersion;
}

/** Long-term releases of Windows Server since the stable ABI: 2022 and 2025, by build number. */
const WINDOWS_RELEASES = [20348, 26100] as const;

/**
 * A host runs images of its own build; since Server 2022 also those of any build back to the release before its own
 * [Microsoft, Windows container version compatibility].
 */
function suitsWindows(host: string, image: string): boolean {
  const [major, minor, build] = windowsVersion(host);
  const [imageMajor, imageMinor, imageBuild] = windowsVersion(image);
  if (build === undefined) return true;
  if (imageBuild === undefined || major !== imageMajor || minor !== imageMinor) return false;
  if (build < WINDOWS_RELEASES[0]) return build === imageBuild;
  const oldest = build > WINDOWS_RELEASES[1] ? WINDOWS_RELEASES[1] : WINDOWS_RELEASES[0];
  return oldest <= imageBuild && imageBuild <= build;
}

/** Major, minor and build of `10.0.17763.1`; nothing for any other text. */
function windowsVersion(text: string): readonly number[] {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,5})(?:\.|$)/.exec(text);
  return match ? match.slice(1).map(Number) : [];
}

function osOptions(text: string, version: string, features: string): Pick<Platform, 'osVersion' | 'osFeatures'> {
  try {
    const decoded = features.split('+').map(decodeURIComponent).filter(Boolean);
    return {
      osVersion: version === '' ? undefined : decodeURIComponent(version),
      osFeatures: decoded.length === 0 ? undefined : decoded,
    };
  } catch (error) {
    throw invalidPlatform(text, `invalid platform "${text}": a "%" is not followed by two hex digits`, error);
  }
}

const RESERVED: Readonly<Record<string, string>> = { '%': '%25', '+': '%2B', '(': '%28', ')': '%29', '/': '%2F' };

function encodeOption(text: string): string {
  return text.replace(/[%+()/]/g, (character) => RESERVED[character] ?? character);
}

function sortedFeatures(features: readonly string[] | undefined): readonly string[] {
  return features ? [...new Set(features)].filter(Boolean).sort() : [];
}

function invalidPlatform(text: string, message: string, cause?: unknown): HubError {
  return new HubError('REFERENCE_INVALID', message, {
    cause,
    hint: 'write os/architecture[/variant], such as linux/amd64 or linux/arm/v7',
    details: { platform: text.slice(0, LENGTH_LIMIT) },
  });
}
