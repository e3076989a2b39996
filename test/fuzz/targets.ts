// What is fuzzed?
import type { Target } from './target.ts';
import { auth, authFile, json, manifest } from './targets/documents.ts';
import { challenge, header, message } from './targets/headers.ts';
import { gzip, tar, zstd } from './targets/layers.ts';
import { hosts, options, route, template } from './targets/local.ts';
import { digest, pattern, platform, reference } from './targets/names.ts';
import { answer, connection } from './targets/protocol.ts';
import { helper, location, reply, token } from './targets/services.ts';
import { terminal } from './targets/text.ts';

export const TARGETS: readonly Target[] = [
  reference,
  digest,
  platform,
  pattern,
  challenge,
  header,
  location,
  message,
  terminal,
  answer,
  connection,
  manifest,
  json,
  authFile,
  auth,
  helper,
  token,
  reply,
  tar,
  gzip,
  zstd,
  template,
  options,
  hosts,
  route,
];
