// mask.wat as bytes: 194 of them. The spec of mask-simd assembles it anew and compares.

const HEX =
  '0061736d0100000001070160037f7f7f00030201000503010003071102066d656d6f72790200046d61736b00000a9201018f0101017b2002' +
  'fd11210302400340200041c0006a20014b0d0120002000fd0004002003fd51fd0b040020002000fd0004102003fd51fd0b041020002000fd' +
  '0004202003fd51fd0b042020002000fd0004302003fd51fd0b0430200041c0006a21000c000b0b02400340200020014f0d01200020002d00' +
  '002002733a000020024108782102200041016a21000c000b0b0b';

/** The module of WebAssembly that masks, to be compiled. Made anew at each call: it is asked for once. */
export function maskModule(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(HEX.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}
