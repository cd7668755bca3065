// What is told of a TLS connection of Node.

import type { TLSSocket } from 'node:tls';
import type { TlsFacts } from '../job/session.ts';

/** Reads the facts of a TLS connection that is open. */
export function toTlsFacts(socket: TLSSocket): TlsFacts {
  const { alpnProtocol, servername, authorized } = socket as TLSSocket & { servername?: string | false };
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    alpnProtocol: alpnProtocol || '',
    serverName: servername || '',
    // Deno says of a client that was asked for no certificate that it is authorized.
    isAuthorized: authorized && hasShown(socket),
  };
}

/** Whether the peer has shown a certificate. */
function hasShown(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
}
