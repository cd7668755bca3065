// Where a client's masking keys come from, RFC 6455 §5.3: "The masking key needs to be unpredictable; thus, the masking key MUST be derived from a strong
// source of entropy". The core has no random source: it is handed this.

// One call of the source for a thousand keys: each call costs more than a small frame.
const KEYS_AT_ONCE = 1024;

/** Fills the bytes from the platform's strong source of entropy. */
export function randomBytes(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
}

/** Makes a source of masking keys, each used once, out of a source of random bytes. */
export function createMaskingKeys(random: (bytes: Uint8Array) => void = randomBytes): () => number {
  let keys = new Uint32Array(0);
  let used = 0;
  return () => {
    if (used === keys.length) {
      if (keys.length === 0) keys = new Uint32Array(KEYS_AT_ONCE);
      random(new Uint8Array(keys.buffer));
      used = 0;
    }
    return keys[used++] as number;
  };
}
