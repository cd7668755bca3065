// Sec-WebSocket-Key and the Sec-WebSocket-Accept that answers it: RFC 6455 §4.2.2 (5) and §11.3. The server proves with
// it that it speaks WebSocket; the client checks the same value (§4.1).

import { toLatin1 } from './http-head.ts';
import { sha1 } from './sha1.ts';

/** RFC 6455 §1.3: "unlikely to be used by network endpoints that do not understand the WebSocket Protocol". */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const BASE64_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * Computes the value of Sec-WebSocket-Accept for a key. RFC 6455 §4.2.2: "concatenating /key/ … with the string
 * "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this concatenated value to obtain a 20-byte value
 * and base64-encoding … this 20-byte hash". The key is taken as written, not decoded.
 */
export function acceptKey(key: string): string {
  return encodeBase64(sha1(toLatin1(key + GUID)));
}

/**
 * Whether `key` is one that a client may send. RFC 6455 §4.2.1: "A |Sec-WebSocket-Key| header field with a
 * base64-encoded (see Section 4 of [RFC4648]) value that, when decoded, is 16 bytes in length": 22 characters, and two
 * of padding.
 */
export function isValidKey(key: string): boolean {
  return /^[+/0-9A-Za-z]{22}==$/.test(key);
}

/** RFC 4648 §4: each three bytes become four characters, the last ones padded with "=". */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.byteLength; index += 3) {
    // Behind the end `undefined` counts as 0.
    const group = ((bytes[index] as number) << 16) | ((bytes[index + 1] as number) << 8) | (bytes[index + 2] as number);
    for (let shift = 18; shift >= 0; shift -= 6) text += BASE64_ALPHABET[(group >> shift) & 63];
  }
  const padding = (3 - (bytes.byteLength % 3)) % 3;
  return text.slice(0, text.length - padding) + '='.repeat(padding);
}
