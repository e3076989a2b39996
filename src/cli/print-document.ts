// How is a JSON document of an image printed, byte for byte or as part of a JSON value?
import type { Descriptor } from '../spec/descriptor.ts';
import { parseJson } from '../util/json.ts';
import type { Context } from './context.ts';

export interface ImageDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/**
 * The bytes as they came, so that their digest can be checked; a line feed follows on a terminal only. With --json or
 * --format an object of digest, mediaType, size and, under `key`, the document. Throws CONTENT_INVALID for no JSON.
 */
export function printDocument(context: Context, { descriptor, bytes }: ImageDocument, key: string): void {
  const { output, io } = context;
  if (output.json || output.format !== undefined) {
    const { digest, mediaType, size } = descriptor;
    return output.object({ digest, mediaType, size, [key]: parseJson(bytes.toString('utf8'), `${key} ${digest}`) });
  }
  output.bytes(bytes);
  if (io.stdout.isTTY === true && bytes.at(-1) !== 0x0a) output.bytes('\n');
}
