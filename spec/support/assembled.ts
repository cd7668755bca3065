// The sources in WebAssembly's text format, assembled: what the modules of lib are compared with.

import { readFileSync } from 'node:fs';
import createWabt from 'wabt';

/** The bytes of `lib/bytes/<name>.wat`. */
export async function assembled(name: string): Promise<Uint8Array> {
  const text = readFileSync(new URL(`../../lib/bytes/${name}.wat`, import.meta.url), 'utf8');
  const wabt = await createWabt();
  return wabt.parseWat(`${name}.wat`, text, { simd: true }).toBinary({}).buffer;
}
