// The opening handshake by hand, for those that know nothing of any library (RFC 6455 §4.2.2).

import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What a server makes of a key. @param {string} key */
export function acceptOf(key) {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** The response to a key. @param {string} key */
export function answerTo(key) {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`;
}

/** The response to a request. @param {string} head */
export function answerOf(head) {
  return answerTo(/^sec-websocket-key: *(.*?)\r$/im.exec(head)?.[1] ?? '');
}

/** A request as a browser sends it. @param {number} port @param {string} key */
export function browserRequest(port, key) {
  return [
    'GET /chat HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Pragma: no-cache',
    'Cache-Control: no-cache',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Upgrade: websocket',
    `Origin: http://127.0.0.1:${port}`,
    'Sec-WebSocket-Version: 13',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
    '\r\n',
  ].join('\r\n');
}
