// The frame header, RFC 6455 §5.2, as it is written.

/** FIN, the most significant bit of the first byte. */
export const FIN_BIT = 0x80;
/** RSV1 to RSV3 in the first byte. */
export const RSV_BITS = 0x70;
export const OPCODE_BITS = 0x0f;
/** MASK, the most significant bit of the second byte. */
export const MASK_BIT = 0x80;

/** A header is never longer than this: two bytes, a 64-bit length, a masking key. */
export const MAX_HEADER_SIZE = 14;

/** The size of the header of a frame with that payload, in bytes. */
export function headerSize(payloadLength: number, masked: boolean): number {
  const lengthSize = payloadLength < 126 ? 0 : payloadLength < 65536 ? 2 : 8;
  return 2 + lengthSize + (masked ? 4 : 0);
}

/**
 * Writes a header and returns where it ends.
 *
 * RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
 *
 * @param firstByte FIN, the RSV bits and the opcode.
 * @param maskingKey The key as an unsigned 32-bit number, undefined for a frame that is not masked.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  firstByte: number,
  payloadLength: number,
  maskingKey: number | undefined,
): number {
  const mask = maskingKey === undefined ? 0 : MASK_BIT;
  let at = offset;
  target[at++] = firstByte;
  if (payloadLength < 126) {
    target[at++] = mask | payloadLength;
  } else if (payloadLength < 65536) {
    target[at++] = mask | 126;
    target[at++] = payloadLength >>> 8;
    target[at++] = payloadLength;
  } else {
    target[at++] = mask | 127;
    at = writeUint32(target, at, Math.floor(payloadLength / 0x1_0000_0000));
    at = writeUint32(target, at, payloadLength >>> 0);
  }
  return maskingKey === undefined ? at : writeUint32(target, at, maskingKey);
}

function writeUint32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

/** Reads an unsigned 32-bit number in network byte order: a masking key. */
export function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}
