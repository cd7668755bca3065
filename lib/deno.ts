// The entry for Deno's own sockets: the engine, servers over Deno.listen and clients over Deno.connect. Re-exports only. Importing it needs no Deno, using it does.

export { toByteStreams } from './adapter/deno-byte-streams.ts';
export { connect, type DenoConnectOptions } from './adapter/deno-connect.ts';
export type { DenoClientTlsOptions } from './adapter/deno-dial.ts';
export type { DenoServerTlsOptions } from './adapter/deno-listen.ts';
export type { DenoProxyOptions } from './adapter/deno-proxy.ts';
export { type DenoReconnectConnectOptions, type DenoReconnectOptions, reconnect } from './adapter/deno-reconnect.ts';
export { type DenoServeOptions, serve } from './adapter/deno-serve.ts';
export { type DenoWebSocketStreamOptions, WebSocketStream } from './adapter/deno-web-socket-stream.ts';
export type { Fetch, FetchInfo } from './adapter/fetch-request.ts';
export { ListeningServer as WebSocketServer, type ListeningServerOptions } from './adapter/listening-server.ts';
export { permessageDeflate } from './adapter/permessage-deflate.ts';
export type { SiteCounters, SiteOptions, StopOptions, StopReport } from './adapter/site.ts';
export type { ServerCounters } from './adapter/site-server.ts';
export type { SessionTotals } from './adapter/site-totals.ts';
export type { ConnectOptions, HeadersInit } from './client/connect.ts';
export { WebSocketError } from './client/web-socket-error.ts';
export type { WebSocketOpenInfo } from './client/web-socket-stream.ts';
export * from './engine.ts';
