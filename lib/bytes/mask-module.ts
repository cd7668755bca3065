// mask.wat as bytes: 140 of them. The spec of mask-simd assembles it anew and compares.

const HEX =
  '0061736d0100000001060160027f7f00030201000503010001071102066d656d6f72790200046d61736b00000a5e015c02017f017b2001fd' +
  '112103034020022002fd0004002003fd51fd0b040020022002fd0004102003fd51fd0b041020022002fd0004202003fd51fd0b0420200220' +
  '02fd0004302003fd51fd0b0430200241c0006a22022000490d000b0b';

/** The module of WebAssembly that masks, to be compiled. Made anew at each call: it is asked for once. */
export function maskModule(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(HEX.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}
