// permessage-deflate where there is no zlib: what a page installs.

import type { DeflateCodec } from '../extension/deflate-codec.ts';
import type { Extension } from '../extension/extension.ts';
import { PermessageDeflate, type PermessageDeflateOptions } from '../extension/permessage-deflate.ts';
import { createPortableCodec } from './portable-codec.ts';

let codec: DeflateCodec | undefined;

/**
 * Makes the extension that compresses messages (RFC 7692), in plain JavaScript, for `upgrade` over byte streams of one's own. A browser's WebSocket compresses by itself, and cannot be told to.
 *
 * @throws TypeError, RangeError when an option is wrong.
 *
 * @example
 * const extensions = acceptExtensions([permessageDeflate({ threshold: 1024 })], offers);
 * const job = upgrade(readable, writable, undefined, undefined, { role: 'server', extensions });
 */
export function permessageDeflate(options: PermessageDeflateOptions = {}): Extension {
  codec ??= createPortableCodec();
  return new PermessageDeflate(codec, options);
}
