// Which annotation keys carry meaning that hubctl reads or writes?

/** Tag or full reference of an entry in `index.json` of an OCI layout [OCI image-spec annotations.md]. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Full reference of an entry in `index.json`, by containerd and docker; wins over `REF_NAME`. */
export const IMAGE_NAME = 'io.containerd.image.name';
export const BASE_NAME = 'org.opencontainers.image.base.name';
export const BASE_DIGEST = 'org.opencontainers.image.base.digest';
/** RFC 3339. */
export const CREATED = 'org.opencontainers.image.created';
export const AUTHORS = 'org.opencontainers.image.authors';
export const DOCUMENTATION = 'org.opencontainers.image.documentation';
export const SOURCE = 'org.opencontainers.image.source';
export const VERSION = 'org.opencontainers.image.version';
export const REVISION = 'org.opencontainers.image.revision';
export const VENDOR = 'org.opencontainers.image.vendor';
export const LICENSES = 'org.opencontainers.image.licenses';
export const TITLE = 'org.opencontainers.image.title';
export const DESCRIPTION = 'org.opencontainers.image.description';

/** What an entry of an index is besides an image, by BuildKit; `ATTESTATION` is the value met. */
export const REFERENCE_TYPE = 'vnd.docker.reference.type';
/** Digest of the manifest that an attestation is about. */
export const REFERENCE_DIGEST = 'vnd.docker.reference.digest';
export const ATTESTATION = 'attestation-manifest';
