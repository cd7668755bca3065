// Bytes as literals: hex('81 05 48 65 6c 6c 6f').

/** Parses hexadecimal digits, white space ignored, into bytes. */
export function hex(digits: string): Uint8Array {
  const compact = digits.replace(/\s+/g, '');
  if (compact.length % 2 !== 0 || /[^0-9a-f]/i.test(compact)) throw new SyntaxError(`Cannot parse "${digits}" as hex`);
  return Uint8Array.from({ length: compact.length / 2 }, (_, index) =>
    Number.parseInt(compact.slice(index * 2, index * 2 + 2), 16),
  );
}

/** Writes bytes as hexadecimal digits in groups of one byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Joins byte arrays. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
