// What does --debug show of each request?
import { HubError } from '../errors.ts';
import { safeText } from '../util/text.ts';
import type { Clock } from './clock.ts';
import type { HttpRequest, HttpResponse, Layer } from './layer.ts';
import { redactHeaders, redactUrl } from './redact.ts';

/**
 * One line when a request goes out and one when its answer or its failure comes back. Secrets are left out: query
 * values, and every header that is not known to be public.
 */
export function trace(show: (line: string) => void, clock: Clock): Layer {
  return (next) => async (request) => {
    const start = clock.now();
    show(safeText(`--> ${requestLine(request)}`));
    try {
      const response = await next(request);
      show(safeText(`<-- ${answerLine(response, request, clock.now() - start)}`));
      return response;
    } catch (error) {
      const what = HubError.is(error) ? `${error.code} ${error.message}` : String(error);
      show(safeText(`<-- ${request.method} ${redactUrl(request.url)} failed after ${clock.now() - start} ms: ${what}`));
      throw error;
    }
  };
}

function requestLine(request: HttpRequest): string {
  const { method, url, headers = {}, body } = request;
  const isAuthorized = headers['authorization'] === undefined ? [] : ['authorization: [hidden]'];
  const length = body === undefined ? [] : [`content-length: ${body.length}`];
  const shown = [...redactHeaders((name) => headers[name]), ...length, ...isAuthorized];
  return [`${method} ${redactUrl(url)}`, ...shown].join(' | ');
}

function answerLine(response: HttpResponse, request: HttpRequest, duration: number): string {
  const shown = redactHeaders((name) => response.headers.get(name));
  return [`${response.status} ${request.method} ${redactUrl(response.url)} (${duration} ms)`, ...shown].join(' | ');
}
