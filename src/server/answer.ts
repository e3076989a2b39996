// Which handler answers a request?
import { answerBlob } from './blobs.ts';
import { answerCatalog, answerReferrers, answerTags } from './lists.ts';
import { answerManifest } from './manifests.ts';
import { methodNotAllowed } from './permissions.ts';
import { jsonReply, type RegistryPlace, type RegistryRequest, type Reply } from './reply.ts';
import type { Route } from './routes.ts';
import { answerPing, answerSearch } from './search.ts';
import { answerUpload, answerUploads } from './uploads.ts';

/** Throws refusals of wire.ts, and STORAGE. */
export async function answer(request: RegistryRequest, route: Route, place: RegistryPlace): Promise<Reply> {
  switch (route.kind) {
    case 'manifest':
      return answerManifest(request, route, place);
    case 'blob':
      return answerBlob(request, route, place);
    case 'uploads':
      return answerUploads(request, route, place);
    case 'upload':
      return answerUpload(request, route, place);
    case 'tags':
      return answerTags(request, route, place);
    case 'referrers':
      return answerReferrers(request, route, place);
    default:
      return answerFixed(request, route.kind, place);
  }
}

async function answerFixed(
  request: RegistryRequest,
  kind: 'base' | 'catalog' | 'search' | 'ping',
  place: RegistryPlace,
): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') methodNotAllowed(['GET', 'HEAD']);
  switch (kind) {
    case 'base':
      return jsonReply({});
    case 'catalog':
      return answerCatalog(request, place);
    case 'search':
      return answerSearch(request, place);
    case 'ping':
      return answerPing();
  }
}
