// The codec of this process: its own zlib where that can be called in place, or the portable one.

import type { DeflateCodec } from '../extension/deflate-codec.ts';
import { createPortableCodec } from './portable-codec.ts';
import { createZlibCodec } from './zlib-codec.ts';

let chosen: DeflateCodec | undefined;

/** The codec of this process, chosen when it is first asked for: importing this makes no streams. */
export function chooseDeflateCodec(): DeflateCodec {
  chosen ??= createZlibCodec() ?? createPortableCodec();
  return chosen;
}
