// What does the library offer?

// Copying: everything is an endpoint, every verb is one copy() between two of them.
export { copy, type CopyResult } from './transfer/copy.ts';
export type { CopyOptions, ReadableSink } from './transfer/options.ts';
export { openEndpoint, type EndpointKind, type OpenedEndpoint, type OpenServices } from './endpoints/open.ts';
export {
  createDefaults,
  defaultStoreDir,
  type Defaults,
  type DefaultsOptions,
  type NetworkOptions,
} from './defaults.ts';
export { Limiter, type LimitOptions } from './transfer/limit.ts';
export { selectManifest, selectManifests } from './transfer/select.ts';
export type {
  CallOptions,
  Endpoint,
  Open,
  Outcome,
  ReadOptions,
  Remembered,
  ResolveOptions,
  Sink,
  Source,
  Standing,
  StandingOptions,
  WriteOptions,
  WriteResult,
} from './transfer/endpoint.ts';
export type { ContentKind, OnEvent, TransferEvent } from './transfer/events.ts';
export { collect, contentFrom, contentOf, readableFrom, type Content } from './util/content.ts';

// References, platforms, descriptors, manifests.
export {
  familiarMatch,
  familiarName,
  familiarString,
  formatReference,
  parseAnyReference,
  parseReference,
  repositoryName,
  withDefaultTag,
  type Reference,
} from './spec/reference.ts';
export {
  formatPlatform,
  hostPlatform,
  parsePlatform,
  platformRank,
  samePlatform,
  type Platform,
} from './spec/platform.ts';
export { parseDescriptor, type Descriptor } from './spec/descriptor.ts';
export { digestOf, encodedOf, isDigest, shortDigest } from './spec/digest.ts';
export { childrenOf, parseManifest, type Child, type Manifest } from './spec/manifest.ts';
export { parseImageConfig, type ImageConfig } from './spec/image-config.ts';
export { buildImageConfig, buildIndex, buildManifest } from './spec/build.ts';
export { isAttestation, isIndexType, isManifestType, MEDIA_TYPES } from './spec/media-types.ts';

// Questions about images, and images made from files.
export {
  chooseManifest,
  readConfig,
  readImage,
  readManifest,
  type ConfigView,
  type ImageView,
  type ManifestView,
} from './image/read.ts';
export { describeImage, type ImageFacts, type ImageNames } from './image/inspect.ts';
export { historyOf, type HistoryStep } from './image/history.ts';
export {
  importRootfs,
  type ImportedImage,
  type RootfsLayer,
  type RootfsOptions,
  type RootfsStore,
} from './image/rootfs.ts';
export { tarTree, type TarTreeOptions } from './layers/tar-tree.ts';
export { applyChanges, CHANGE_INSTRUCTIONS } from './image/changes.ts';
export { globMatches } from './spec/glob.ts';

// Searching.
export {
  listCatalog,
  parseIndexUrl,
  searchIndex,
  searchRegistry,
  type SearchIndex,
  type SearchRequest,
} from './hub/search.ts';
export { meets, parseSearchFilters, parseSearchTerm, type SearchFilters, type SearchHit } from './hub/search-query.ts';

// Docker Hub.
export { finishDeviceLogin, startDeviceLogin, type DeviceCode, type HubLoginPlaces } from './hub/device-login.ts';

// Places.
export { createRegistryClient, type RegistryClient, type RegistryClientOptions } from './endpoints/registry/client.ts';
export { traitsInFile, type TraitMemory, type Traits } from './endpoints/registry/traits.ts';
export { journalInFile, type UploadJournal, type UploadPlace } from './endpoints/registry/upload-journal.ts';
export { RegistryEndpoint } from './endpoints/registry/registry.ts';
export { RegistryHost } from './endpoints/registry/host.ts';
export { openStore, type Store, type StoredImage } from './endpoints/store/store.ts';
export type { CheckOptions, CheckReport, Damage } from './endpoints/store/check.ts';
export type { StoreUsage, Upkeep } from './endpoints/store/upkeep.ts';
export { openLayout } from './endpoints/layout/layout.ts';
export { openArchive } from './endpoints/archive/read.ts';
export { createArchive } from './endpoints/archive/write.ts';
export { MemoryEndpoint } from './endpoints/memory.ts';

// A registry of one's own.
export { serve, type RegistryServer, type ServeOptions } from './server/serve.ts';
export { htpasswdLine, openHtpasswd, type Accounts } from './server/htpasswd.ts';
export { formatAddress, isLoopbackHost, parseListenAddress, type ListenAddress } from './server/listen.ts';
export type { AccessEntry, OnAccess } from './server/access-log.ts';
export type { Upstream, UpstreamRepository } from './server/upstream.ts';

// Requests and credentials.
export { createHttp, type Http, type HttpOptions } from './http/client.ts';
export { systemClock, type Clock } from './http/clock.ts';
export type { HttpHeaders, HttpRequest, HttpResponse, Layer, Send } from './http/layer.ts';
export { checkLogin } from './auth/login.ts';
export { createCredentials, type CredentialAccess } from './credentials/access.ts';
export { hostOfKey, sameServer, serverKey } from './credentials/aliases.ts';
export { usernameOf } from './credentials/entry.ts';
export { HELPER_TEXTS } from './credentials/helper.ts';
export { openKeychain, type KeychainDoor } from './credentials/keychain.ts';
export { parseStoreChoice, type StoreChoice, type TargetStore } from './credentials/target.ts';
export type { Compression } from './layers/compression.ts';
export type {
  Credential,
  CredentialStore,
  FindCredential,
  FoundCredential,
  LoginEntry,
} from './credentials/credentials.ts';

// Diagnosis.
export { examineRegistry, type RegistryQuestion } from './doctor/examine.ts';
export { examineMachine, type MachineOptions } from './doctor/machine.ts';
export { adviceFor, type Subject } from './doctor/advice.ts';
export type { Step } from './doctor/step.ts';

// Failures.
export { ERROR_CODES, HubError, type ErrorCode, type HubErrorOptions } from './errors.ts';
export { VERSION } from './version.ts';
