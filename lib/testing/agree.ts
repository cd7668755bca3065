// What two sides agree on without an opening handshake between them: its texts are written and read all the same.

import type { Extension } from '../extension/extension.ts';
import { parseExtensions } from '../extension/extension-header.ts';
import {
  type AgreedExtension,
  acceptExtensions,
  checkExtensions,
  confirmExtensions,
  formatExtensions,
  offerExtensions,
} from '../extension/extension-negotiation.ts';

export interface Agreed {
  readonly server: readonly AgreedExtension[];
  readonly client: readonly AgreedExtension[];
}

/**
 * Negotiates the extensions of two sides.
 *
 * @throws TypeError, RangeError when extensions cannot be installed together, Error when the client does not confirm what the server has accepted.
 */
export function agree(onServer: readonly Extension[], onClient: readonly Extension[]): Agreed {
  const offer = offerExtensions(checkExtensions(onClient));
  const offers = parseExtensions(offer === '' ? [] : [offer]) ?? new Map();
  const server = acceptExtensions(checkExtensions(onServer), offers);
  const answer = formatExtensions(server);
  const client = confirmExtensions(onClient, answer === '' ? [] : [answer]);
  if (client === undefined) throw new Error(`The client does not confirm "${answer}"; it has offered "${offer}"`);
  return { server, client };
}
