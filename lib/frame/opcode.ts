// Opcodes, RFC 6455 §5.2 and §11.8.

export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;

/** One of the opcodes that RFC 6455 §5.2 defines; 3 to 7 and B to F are reserved. */
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** Whether the number is an opcode that RFC 6455 §5.2 defines. */
export function isOpcode(value: number): value is Opcode {
  return (value >= 0x0 && value <= 0x2) || (value >= 0x8 && value <= 0xa);
}

/** Whether the opcode is that of a control frame: its most significant bit is set (RFC 6455 §5.5). */
export function isControlOpcode(opcode: number): boolean {
  return (opcode & 0x8) !== 0;
}
