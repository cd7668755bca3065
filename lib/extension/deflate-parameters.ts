// The four parameters of permessage-deflate and what follows from them: RFC 7692 §7.1. Pure functions for both roles. The peer cannot make them throw: only
// `checkDeflateParameters` throws, which looks at the user's options, once, before the others.

import type { ExtensionParameters, ReceivedParameters } from './extension.ts';
import type { ExtensionParameterValue } from './extension-header.ts';

/** What one side wants of a connection. Each is undefined for the default. */
export interface DeflateParameterOptions {
  /** The server gives up its context between messages. Default: false. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The client gives up its context between messages. Default: false. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** The base-2 logarithm of the largest window that the server compresses with, 9 to 15. Default: 15. */
  readonly serverMaxWindowBits?: number | undefined;
  /** The same of the client's window. */
  readonly clientMaxWindowBits?: number | undefined;
}

/** What both sides have agreed on. */
export interface DeflateAgreement {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  /** 8 to 15. With 8 a client inflates; a server never agrees to it. */
  readonly serverMaxWindowBits: number;
  /** 8 to 15. With 8 a server inflates, and a client sends everything uncompressed. */
  readonly clientMaxWindowBits: number;
}

/** The window where nothing is said. RFC 7692 §7.1.2: then a peer takes "an LZ77 sliding window of up to 32,768 bytes". */
const MOST_BITS = 15;
/** The smallest window that can be asked for. */
const LEAST_BITS = 9;
/** Each window under the only text that says it. */
const windowBits: ReadonlyMap<string, number> = new Map(
  [8, 9, 10, 11, 12, 13, 14, 15].map((bits) => [`${bits}`, bits]),
);

const SERVER_NO_CONTEXT_TAKEOVER = 'server_no_context_takeover';
const CLIENT_NO_CONTEXT_TAKEOVER = 'client_no_context_takeover';
const SERVER_MAX_WINDOW_BITS = 'server_max_window_bits';
const CLIENT_MAX_WINDOW_BITS = 'client_max_window_bits';

/**
 * Checks what a user has asked for.
 *
 * @throws TypeError when a switch is no boolean, RangeError when a window is no integer from 9 to 15.
 */
export function checkDeflateParameters(options: DeflateParameterOptions): void {
  checkSwitch('serverNoContextTakeover', options.serverNoContextTakeover);
  checkSwitch('clientNoContextTakeover', options.clientNoContextTakeover);
  checkBits('serverMaxWindowBits', options.serverMaxWindowBits);
  checkBits('clientMaxWindowBits', options.clientMaxWindowBits);
}

/**
 * Client: what is offered, a single choice. `client_max_window_bits` is always there: RFC 7692 §7.1.2.2 lets a server answer it only then.
 *
 * @param options Checked ones.
 */
export function offerDeflate(options: DeflateParameterOptions): readonly ExtensionParameters[] {
  return [{ [CLIENT_MAX_WINDOW_BITS]: true, ...write(withDefaults(options)) }];
}

/**
 * Server: answers an offer. RFC 7692 §7: "A server MUST decline an extension negotiation offer for this extension if" it "contains an extension parameter not
 * defined for use in an offer", "with an invalid value", "multiple extension parameters with the same name", or "The server doesn't support the offered
 * configuration."
 *
 * @param options Checked ones.
 * @returns The answer and what follows from it, or undefined when the offer is declined.
 */
export function acceptDeflate(
  offer: ReceivedParameters,
  options: DeflateParameterOptions,
): { readonly parameters: ExtensionParameters; readonly agreement: DeflateAgreement } | undefined {
  const asked = read(offer);
  const wanted = withDefaults(options);
  if (asked === undefined || !canServe(asked, wanted)) return undefined;

  const agreement: DeflateAgreement = {
    // §7.1.1.1: a server accepts an offer with this parameter "by including" it in the response, and "MAY include" it unasked.
    serverNoContextTakeover: asked.serverNoContextTakeover || wanted.serverNoContextTakeover,
    // §7.1.1.2: offered, it is a hint that costs the client nothing; unasked, "A client MUST support" it in a response.
    clientNoContextTakeover: asked.clientNoContextTakeover || wanted.clientNoContextTakeover,
    // §7.1.2.1: "with the same or smaller value as the offer"; the server "MAY include" it unasked.
    serverMaxWindowBits: Math.min(asked.serverMaxWindowBits ?? MOST_BITS, wanted.serverMaxWindowBits),
    // §7.1.2.2: "with a value equal to or smaller than the received value".
    clientMaxWindowBits: Math.min(limitOf(asked.clientMaxWindowBits), wanted.clientMaxWindowBits),
  };
  return { parameters: write(agreement, asked), agreement };
}

/**
 * Client: looks at the server's answer to {@link offerDeflate}. RFC 7692 §7: "A client MUST _Fail the WebSocket Connection_ if the peer server accepted" an offer
 * with a response that has a fault for which an offer is declined, or if "The client does not support the configuration that the response represents."
 *
 * @param options Those of the offer.
 * @returns What follows from the answer, or undefined when the handshake must fail.
 */
export function confirmDeflate(
  answer: ReceivedParameters,
  options: DeflateParameterOptions,
): DeflateAgreement | undefined {
  const said = read(answer);
  // §7.1.2.2: in a response this parameter has a value.
  if (said === undefined || said.clientMaxWindowBits === true) return undefined;
  const wanted = withDefaults(options);
  if (wanted.serverNoContextTakeover && !said.serverNoContextTakeover) return undefined;
  // Offered and not answered is a window of 15 bits, and too large as well.
  const serverMaxWindowBits = said.serverMaxWindowBits ?? MOST_BITS;
  if (serverMaxWindowBits > wanted.serverMaxWindowBits) return undefined;
  const clientMaxWindowBits = said.clientMaxWindowBits ?? wanted.clientMaxWindowBits;
  if (clientMaxWindowBits > wanted.clientMaxWindowBits) return undefined;
  return {
    serverNoContextTakeover: said.serverNoContextTakeover,
    // §7.1.1.2, and §7.1.2.2 of the window: what the client has offered of itself it does "even if the server doesn't include" it.
    clientNoContextTakeover: said.clientNoContextTakeover || wanted.clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits,
  };
}

/** An offer or an answer as it was written: what it does not say is false, or undefined. */
interface Said {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  /** `true` without a value. */
  clientMaxWindowBits: number | true | undefined;
}

/** What both roles take for well-formed; undefined when it is not. */
function read(received: ReceivedParameters): Said | undefined {
  const said: Said = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  for (const [name, values] of received) {
    const [value] = values;
    if (value === undefined || values.length > 1 || !readOne(said, name, value)) return undefined;
  }
  return said;
}

/** Whether this is a parameter with a value that it may have. */
function readOne(said: Said, name: string, value: ExtensionParameterValue): boolean {
  switch (name) {
    case SERVER_NO_CONTEXT_TAKEOVER:
      said.serverNoContextTakeover = true;
      return value === true;
    case CLIENT_NO_CONTEXT_TAKEOVER:
      said.clientNoContextTakeover = true;
      return value === true;
    case SERVER_MAX_WINDOW_BITS:
      said.serverMaxWindowBits = readBits(value);
      return said.serverMaxWindowBits !== undefined;
    case CLIENT_MAX_WINDOW_BITS:
      said.clientMaxWindowBits = value === true ? true : readBits(value);
      return said.clientMaxWindowBits !== undefined;
    default:
      return false;
  }
}

/** RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive". These are eight texts. */
function readBits(value: ExtensionParameterValue): number | undefined {
  return value === true ? undefined : windowBits.get(value);
}

/** Whether the server can do what the client demands, and may tell the client what it wants itself. */
function canServe(asked: Said, wanted: DeflateAgreement): boolean {
  // zlib cannot deflate with a raw window of 8 bits. Some take 9 in its place without a word, and the client cannot inflate that.
  if (asked.serverMaxWindowBits !== undefined && asked.serverMaxWindowBits < LEAST_BITS) return false;
  // §7.1.2.2: where an offer does not have this parameter, the "response to the offer MUST NOT include" it. And a limit of memory that cannot be told is none.
  return asked.clientMaxWindowBits !== undefined || wanted.clientMaxWindowBits === MOST_BITS;
}

function limitOf(bits: number | true | undefined): number {
  return typeof bits === 'number' ? bits : MOST_BITS;
}

function withDefaults(options: DeflateParameterOptions): DeflateAgreement {
  return {
    serverNoContextTakeover: options.serverNoContextTakeover ?? false,
    clientNoContextTakeover: options.clientNoContextTakeover ?? false,
    serverMaxWindowBits: options.serverMaxWindowBits ?? MOST_BITS,
    clientMaxWindowBits: options.clientMaxWindowBits ?? MOST_BITS,
  };
}

/**
 * The parameters that say this. Nothing is said of what is so anyway; but §7.1.2.1 has a server accept an offered limit "by including" it, whatever it is, and the
 * client's hint of its own is answered likewise.
 */
function write(values: DeflateAgreement, asked?: Said): Record<string, number | true> {
  const { serverMaxWindowBits, clientMaxWindowBits } = values;
  const parameters: Record<string, number | true> = {};
  if (values.serverNoContextTakeover) parameters[SERVER_NO_CONTEXT_TAKEOVER] = true;
  if (values.clientNoContextTakeover) parameters[CLIENT_NO_CONTEXT_TAKEOVER] = true;
  if (serverMaxWindowBits < MOST_BITS || asked?.serverMaxWindowBits !== undefined) {
    parameters[SERVER_MAX_WINDOW_BITS] = serverMaxWindowBits;
  }
  if (clientMaxWindowBits < MOST_BITS || typeof asked?.clientMaxWindowBits === 'number') {
    parameters[CLIENT_MAX_WINDOW_BITS] = clientMaxWindowBits;
  }
  return parameters;
}

function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`Cannot set "${name}" of permessage-deflate: ${String(value)} is no boolean`);
}

function checkBits(name: string, value: unknown): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && (value as number) >= LEAST_BITS && (value as number) <= MOST_BITS) return;
  throw new RangeError(
    `Cannot set "${name}" of permessage-deflate: ${String(value)} is no integer from 9 to 15; zlib cannot deflate with a raw window of 8 bits`,
  );
}
