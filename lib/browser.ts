// The entry for browsers: the transforms, the engine over any two byte streams, and WebSocketStream. Nothing of Node is reached from here. Re-exports only.

export type { SocketOptions } from './adapter/browser-open.ts';
export { permessageDeflate } from './adapter/browser-permessage-deflate.ts';
export { WebSocketError, WebSocketStream } from './adapter/browser-platform.ts';
export type { WebSocketOpenInfo, WebSocketStreamOptions } from './adapter/browser-web-socket-stream.ts';
export * from './engine.ts';
