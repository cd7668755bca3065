// The four parameters of permessage-deflate and what follows from them: RFC 7692 §7.1. Pure functions for both roles.

import type { ExtensionParameters, ReceivedParameters } from './extension.ts';

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
  /** 8 to 15. */
  readonly serverMaxWindowBits: number;
  /** 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** Throws for wrong options. */
export declare function checkDeflateParameters(options: DeflateParameterOptions): void;
export declare function offerDeflate(options: DeflateParameterOptions): readonly ExtensionParameters[];
export declare function acceptDeflate(
  offer: ReceivedParameters,
  options: DeflateParameterOptions,
): { readonly parameters: ExtensionParameters; readonly agreement: DeflateAgreement } | undefined;
export declare function confirmDeflate(
  answer: ReceivedParameters,
  options: DeflateParameterOptions,
): DeflateAgreement | undefined;
