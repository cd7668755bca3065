/**
 * The same bytes as a plain Uint8Array. A subclass may mean something else by `slice` (that of Node's Buffer is a view, not a copy), and its `subarray` may be
 * dear.
 */
export function toPlainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
