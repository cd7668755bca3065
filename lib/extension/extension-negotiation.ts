// Which of the extensions that are installed a connection has: RFC 6455 §9.1, in both roles. What parameters mean is the business of each extension.

import { RSV_BITS } from '../frame/header.ts';
import type { Extension, ExtensionParameters, OpenTransform } from './extension.ts';
import { type ExtensionOffer, isToken, parseExtensions, serializeExtensions } from './extension-header.ts';

/** An extension that both sides have agreed on, for one connection. */
export interface AgreedExtension {
  /** Its token. */
  readonly name: string;
  /** The RSV bits of data frames that it owns, as they stand in the first byte of a frame: 0x40, 0x20, 0x10. */
  readonly rsvBits: number;
  /** Its element of the response's header field. */
  readonly text: string;
  /** Opens the transform of the connection; called once. */
  readonly open: OpenTransform;
}

/**
 * Checks extensions that are to be installed together.
 *
 * @throws TypeError when one is no extension, a name is no token or is there twice, or two want the same RSV bit (RFC 6455 §9.1: extensions that both use a reserved bit cannot
 * be told apart); RangeError when `rsvBits` has bits that are no RSV bits.
 */
export function checkExtensions(extensions: readonly Extension[]): readonly Extension[] {
  if (!Array.isArray(extensions)) throw new TypeError('Cannot install extensions: they are no array');
  const names = new Set<string>();
  let taken = 0;
  for (const extension of extensions) {
    const { name, rsvBits = 0 } = assertExtension(extension);
    if (names.has(name)) throw new TypeError(`Cannot install extension "${name}" twice`);
    if ((rsvBits & ~RSV_BITS) !== 0) throw new RangeError(`Cannot install "${name}": ${rsvBits} is no RSV bits`);
    if ((rsvBits & taken) !== 0) throw new TypeError(`Cannot install "${name}": another extension owns its RSV bit`);
    names.add(name);
    taken |= rsvBits;
  }
  return [...extensions];
}

function assertExtension(extension: Extension): Extension {
  const name: unknown = extension?.name;
  if (typeof name !== 'string' || !isToken(name)) {
    throw new TypeError(`Cannot install an extension: its name ${JSON.stringify(name)} is no token`);
  }
  for (const method of ['offer', 'accept', 'confirm'] as const) {
    if (typeof extension[method] !== 'function') throw new TypeError(`Cannot install "${name}": it has no ${method}()`);
  }
  return extension;
}

/**
 * Server: takes what can be taken of a client's offers. Of several offers of one extension the first that it accepts counts: RFC 7692 §5 has them in the client's order of
 * preference. The order is that of the installed extensions: what is sent goes through the first of them first (RFC 6455 §9.1: "the order of extensions listed").
 *
 * @example
 * const agreed = acceptExtensions([permessageDeflate()], offers);
 * const job = upgrade(input, output, undefined, undefined, { extensions: agreed });
 */
export function acceptExtensions(
  installed: readonly Extension[],
  offers: ReadonlyMap<string, readonly ExtensionOffer[]>,
): AgreedExtension[] {
  const agreed: AgreedExtension[] = [];
  for (const extension of installed) {
    for (const { parameters } of offers.get(extension.name) ?? []) {
      const acceptance = extension.accept(parameters);
      if (acceptance === undefined) continue;
      agreed.push(agree(extension, serialize(extension.name, acceptance.parameters), acceptance.open));
      break;
    }
  }
  return agreed;
}

/**
 * Client: the value of the request's Sec-WebSocket-Extensions; '' when nothing is offered.
 *
 * @throws TypeError when one is no extension, or two cannot be installed together; RangeError when its RSV bits are none.
 *
 * @example
 * const value = offerExtensions([permessageDeflate()]); // 'permessage-deflate; client_max_window_bits'
 */
export function offerExtensions(installed: readonly Extension[]): string {
  const offers = checkExtensions(installed).flatMap((extension) =>
    extension.offer().map((offer) => serialize(extension.name, offer)),
  );
  return offers.join(', ');
}

/**
 * Client: checks what the server has accepted. Undefined when the handshake must fail: RFC 6455 §4.1: "If the response includes a |Sec-WebSocket-Extensions| header field and
 * this header field indicates the use of an extension that was not present in the client's handshake (the server has indicated an extension not requested by the client), the
 * client MUST _Fail the WebSocket Connection_."
 *
 * @param values The values of Sec-WebSocket-Extensions in the response, one for each field.
 *
 * @example
 * const agreed = confirmExtensions([permessageDeflate()], ['permessage-deflate; server_no_context_takeover']);
 * if (agreed === undefined) throw new Error('The server has accepted what was not offered');
 */
export function confirmExtensions(
  installed: readonly Extension[],
  values: readonly string[],
): AgreedExtension[] | undefined {
  const answers = parseExtensions(values);
  if (answers === undefined) return undefined;
  const agreed: AgreedExtension[] = [];
  for (const [name, [answer, ...others]] of answers) {
    const extension = installed.find((one) => one.name === name);
    // Once each: accepted twice it would be applied twice.
    if (extension === undefined || answer === undefined || others.length > 0) return undefined;
    const open = extension.confirm(answer.parameters);
    if (open === undefined) return undefined;
    agreed.push(agree(extension, serializeExtensions([answer]), open));
  }
  return agreed;
}

/** What was agreed on, as the response says it; '' when nothing was. */
export function formatExtensions(agreed: readonly AgreedExtension[]): string {
  return agreed.map(({ text }) => text).join(', ');
}

function agree({ name, rsvBits = 0 }: Extension, text: string, open: OpenTransform): AgreedExtension {
  return { name, rsvBits, text, open };
}

function serialize(name: string, parameters: ExtensionParameters): string {
  const values = Object.entries(parameters).map(
    ([key, value]) => [key, [typeof value === 'number' ? String(value) : value]] as const,
  );
  return serializeExtensions([{ name, parameters: new Map(values) }]);
}
