// Which environment variables does hubctl obey?

/** Name and meaning, in the order `hubctl help environment` shows them. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['HUBCTL_HOME', 'folder of the local image store (--store)'],
  ['XDG_DATA_HOME', 'where the store is by default: hubctl/ in this folder'],
  ['HUBCTL_USERNAME, HUBCTL_PASSWORD', 'account for HUBCTL_REGISTRY; asked before every other place'],
  ['HUBCTL_REGISTRY', 'registry of that account, Docker Hub by default'],
  ['HUBCTL_OAUTH_CLIENT_ID', 'OAuth client for a Docker Hub login in the browser'],
  ['HUBCTL_CREDENTIAL_STORE', 'where login keeps passwords (login --credential-store)'],
  ['HUBCTL_TOKEN_CACHE', '0: neither use nor keep tokens between runs (--no-token-cache)'],
  ['HUBCTL_CODE_CACHE', '0: neither use nor keep what Node.js compiled of hubctl in earlier runs'],
  ['HUBCTL_INDEX', 'index to search (search --index)'],
  ['DOCKER_CONFIG', "folder of docker's config.json, ~/.docker by default (--config)"],
  ['DOCKER_AUTH_CONFIG', 'credentials as the JSON text of an auth file'],
  ['REGISTRY_AUTH_FILE', 'file of credentials (--authfile)'],
  ['XDG_RUNTIME_DIR', 'where containers/auth.json is looked for, and tokens are kept'],
  [
    'XDG_CACHE_HOME',
    'where tokens are kept without XDG_RUNTIME_DIR, what registries can do, and compiled code; ~/.cache by default',
  ],
  ['XDG_CONFIG_HOME', 'where other tools keep their settings, ~/.config by default'],
  ['DOCKER_DEFAULT_PLATFORM', 'platform to take from an image for many platforms (--platform)'],
  ['HTTP_PROXY, HTTPS_PROXY', 'proxies for plain and for encrypted requests'],
  ['NO_PROXY', 'hosts, domains and networks that are reached without a proxy'],
  ['NODE_EXTRA_CA_CERTS', 'PEM file of certificate authorities to trust (--tls-ca)'],
  ['HUBCTL_CA', 'the same, but read only when TLS is used; Node.js 20 reads the other at every start'],
  ['SSL_CERT_FILE, SSL_CERT_DIR', 'file and folder of certificate authorities to trust'],
  ['SOURCE_DATE_EPOCH', 'time that a new image is given, in seconds since 1970'],
  ['NO_COLOR', 'no colours, whatever the terminal can do'],
  ['FORCE_COLOR', 'colours even where the output is no terminal'],
  ['CI', 'progress as lines that stay (--progress plain)'],
  ['TERM', 'dumb means: progress as lines that stay, no colours'],
];
