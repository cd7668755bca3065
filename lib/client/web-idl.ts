// What Web IDL does with the arguments of the WHATWG's interfaces before their own steps see them, and how their classes look from outside.

const encoder = new TextEncoder();
// A byte order mark is a character like others.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as () => number;

/** A dictionary: undefined and null are empty ones. Members are read of it one by one, inherited ones too. */
export function toDictionary(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' || typeof value === 'function') return value as Readonly<Record<string, unknown>>;
  throw new TypeError(`${name} is no dictionary`);
}

/** `[EnforceRange] unsigned short`. */
export function toUnsignedShort(value: unknown, name: string): number {
  // Unlike `Number`, it throws for a BigInt.
  const number = Math.trunc(+(value as number));
  if (number >= 0 && number <= 65_535) return number + 0;
  throw new TypeError(`${name} is no number from 0 to 65535`);
}

/** `USVString`: lone surrogates become U+FFFD. */
export function toUsvString(value: unknown): string {
  return decoder.decode(encoder.encode(`${value as string}`));
}

/** `sequence<USVString>`: anything that can be iterated, but no string. */
export function toUsvStrings(value: unknown, name: string): string[] {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  if (isObject && typeof (value as Iterable<unknown>)[Symbol.iterator] === 'function')
    return Array.from(value as Iterable<unknown>, toUsvString);
  throw new TypeError(`${name} is no sequence`);
}

/**
 * A copy of the bytes of a `BufferSource`; undefined of what is none.
 *
 * @throws TypeError when the bytes are shared with others, or their number can change: the types that allow neither.
 */
export function copyBufferSource(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const isView = ArrayBuffer.isView(value);
  const buffer: object = isView ? value.buffer : value;
  if (!isArrayBuffer(buffer)) {
    if (isView || (typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer))
      throw new TypeError('The bytes are in shared memory');
    return undefined;
  }
  if ((buffer as { readonly resizable?: boolean }).resizable)
    throw new TypeError('The buffer of the bytes is resizable');
  if (isView) return new Uint8Array(buffer, value.byteOffset, value.byteLength).slice();
  return new Uint8Array(buffer.slice(0));
}

// Of another realm too.
function isArrayBuffer(value: object): value is ArrayBuffer {
  try {
    bufferLength.call(value);
    return true;
  } catch {
    return false;
  }
}

/** Makes a class look like an interface: its members can be enumerated, and it is told by its name, whatever a bundler calls it. */
export function defineInterface(
  target: { readonly prototype: object },
  name: string,
  members: readonly string[],
): void {
  const { prototype } = target;
  for (const member of members) Object.defineProperty(prototype, member, { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(target, 'name', { value: name, configurable: true });
}
