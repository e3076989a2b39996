// Which annotation keys carry meaning that hubctl reads or writes?

/** Tag or full reference of an entry in `index.json` of an OCI layout [OCI image-spec annotations.md]. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Full reference of an entry in `index.json`, by containerd and docker; wins over `REF_NAME`. */
export const IMAGE_NAME = 'io.containerd.image.name';
export const DESCRIPTION = 'org.opencontainers.image.description';

/** What an entry of an index is besides an image, by BuildKit; `ATTESTATION` is the value met. */
export const REFERENCE_TYPE = 'vnd.docker.reference.type';
/** Digest of the manifest that an attestation is about. */
export const REFERENCE_DIGEST = 'vnd.docker.reference.digest';
export const ATTESTATION = 'attestation-manifest';
