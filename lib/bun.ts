// The entry for Bun: all of the entry for Node, which Bun runs too, with servers and dialling over Bun's own sockets in place of those over node:http and node:net. Re-exports only.

export { connect } from './adapter/bun-connect.ts';
export { reconnect } from './adapter/bun-reconnect.ts';
export { type BunServeOptions, serve } from './adapter/bun-serve.ts';
export { WebSocketStream } from './adapter/bun-web-socket-stream.ts';
export type { Fetch, FetchInfo } from './adapter/fetch-request.ts';
export {
  ListeningServer as WebSocketServer,
  type ListeningServerOptions,
} from './adapter/listening-server.ts';
// A name that stands above counts, not that of the entry for Node.
export * from './node.ts';
