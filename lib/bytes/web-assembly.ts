// Modules of WebAssembly that are small enough to be written here as bytes, in hexadecimal.

/** The bytes of a module. */
export function moduleOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}

/**
 * What the module exports; undefined where it cannot be had: a page's policy may forbid to compile (a Content-Security-Policy without 'wasm-unsafe-eval'), a runtime may lack SIMD, or
 * WebAssembly altogether.
 */
export function instantiate(hex: string): Record<string, unknown> | undefined {
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(moduleOf(hex))).exports;
  } catch {
    return undefined;
  }
}
