// The opening handshake by hand, for those that know nothing of any library (RFC 6455 §4.2.2).

import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The response to a request. @param {string} head */
export function answerOf(head) {
  const key = /^sec-websocket-key: *(.*?)\r$/im.exec(head)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}
