// SHA-1 (FIPS 180-4 §6.1), for Sec-WebSocket-Accept alone (RFC 6455 §4.2.2). Our own, because the handshake is
// synchronous in every runtime while Web Crypto's digest is a promise, and the core imports nothing from a runtime.
// SHA-1 is broken as a signature; RFC 6455 §10.8 explains that the handshake does not depend on its security.

// One for all: a digest is made without a pause. Words with a sign: larger numbers are dear.
const state: Int32Array = /* @__PURE__ */ new Int32Array(5);
const schedule: Int32Array = /* @__PURE__ */ new Int32Array(80);

/**
 * Computes the SHA-1 digest of `bytes`.
 *
 * @returns 20 bytes.
 */
export function sha1(bytes: Uint8Array): Uint8Array {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  const padded = pad(bytes);
  for (let offset = 0; offset < padded.byteLength; offset += 64) compress(padded, offset);
  const digest = new Uint8Array(20);
  for (let index = 0; index < 20; index++) digest[index] = word(state, index >> 2) >>> (24 - ((index & 3) << 3));
  return digest;
}

/** §5.1.1: one bit 1, zeros up to 8 bytes before the end of a block, then the length in bits as 64 bits. */
function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.byteLength + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.byteLength] = 0x80;
  const end = padded.byteLength;
  for (let index = 1, bits = bytes.byteLength * 8; bits >= 1; index++, bits /= 256) padded[end - index] = bits % 256;
  return padded;
}

/** §6.1.2: takes the block at `offset` into the state. */
function compress(bytes: Uint8Array, offset: number): void {
  for (let t = 0, at = offset; t < 16; t++, at += 4) {
    const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
    schedule[t] = high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  }
  for (let t = 16; t < 80; t++) {
    const mixed = word(schedule, t - 3) ^ word(schedule, t - 8) ^ word(schedule, t - 14) ^ word(schedule, t - 16);
    schedule[t] = rotate(mixed, 1);
  }
  let a = word(state, 0);
  let b = word(state, 1);
  let c = word(state, 2);
  let d = word(state, 3);
  let e = word(state, 4);
  for (let t = 0; t < 80; t++) {
    const next = (rotate(a, 5) + mix(t, b, c, d) + e + word(schedule, t)) | 0;
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  state[0] = word(state, 0) + a;
  state[1] = word(state, 1) + b;
  state[2] = word(state, 2) + c;
  state[3] = word(state, 3) + d;
  state[4] = word(state, 4) + e;
}

/** §4.1.1 and §4.2.1: the function and the constant of step `t`. */
function mix(t: number, b: number, c: number, d: number): number {
  if (t < 20) return (((b & c) ^ (~b & d)) + 0x5a827999) | 0;
  if (t < 40) return ((b ^ c ^ d) + 0x6ed9eba1) | 0;
  if (t < 60) return (((b & c) ^ (b & d) ^ (c & d)) + 0x8f1bbcdc) | 0;
  return ((b ^ c ^ d) + 0xca62c1d6) | 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(words: Int32Array, index: number): number {
  return words[index] as number;
}
