// The two sides of permessage-deflate at work in this process, without a connection: what millrace itself does to frames.

import { permessageDeflate } from 'millrace';

/**
 * Gives what deflates frames, and what inflates them.
 *
 * @param {import('millrace').PermessageDeflateOptions} options
 */
export function openTransforms(options) {
  const extension = permessageDeflate({ threshold: 0, ...options });
  const bits = options.serverMaxWindowBits;
  // As the peers would hear it: nothing is asked for, the server says its window.
  const accepted = extension.accept(new Map());
  const answer = new Map(bits === undefined ? [] : [['server_max_window_bits', [String(bits)]]]);
  const open = permessageDeflate().confirm(answer);
  if (accepted === undefined || open === undefined) throw new Error(`They do not agree on ${JSON.stringify(options)}`);
  const server = accepted.open();
  const client = open();
  return {
    /** @param {Uint8Array} payload */
    deflate: (payload) =>
      server.outgoing({ fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: 1, payload }, {}).payload,
    /** Gives the bytes that it has taken to, and looks at none. @param {Uint8Array} payload */
    inflate: (payload) => {
      const size = payload.byteLength;
      const place = { isFirst: true, isLast: true, start: 0, end: size, payloadLength: size, isLent: false };
      client.incoming.push({ opcode: 1, fin: true, rsv: 0x40, bytes: payload, ...place });
      let inflated = 0;
      for (let piece = client.incoming.next(65_536); piece !== undefined; piece = client.incoming.next(65_536)) {
        inflated += piece.end - piece.start;
      }
      return inflated;
    },
    close: () => {
      server.close();
      client.close();
    },
  };
}
