// permessage-deflate with the codec of this runtime: what a user installs.

import type { Extension } from '../extension/extension.ts';
import { PermessageDeflate, type PermessageDeflateOptions } from '../extension/permessage-deflate.ts';
import { chooseDeflateCodec } from './choose-deflate-codec.ts';

/**
 * Makes the extension that compresses messages (RFC 7692), for a server or a client. Its contexts are shared by all connections that it is installed for.
 *
 * @throws TypeError, RangeError when an option is wrong.
 *
 * @example
 * const server = await serve({ port: 8080, extensions: [permessageDeflate({ threshold: 1024 })] }, handler);
 */
export function permessageDeflate(options: PermessageDeflateOptions = {}): Extension {
  return new PermessageDeflate(chooseDeflateCodec(), options);
}
