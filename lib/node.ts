// The entry for Node: the engine, and servers over node:http. Re-exports only.

export { type Attachment, attach } from './adapter/node-attach.ts';
export { toByteStreams } from './adapter/node-byte-streams.ts';
export { connect, type NodeConnectOptions } from './adapter/node-connect.ts';
export type { ClientTlsOptions } from './adapter/node-dial.ts';
export type { NodeProxyOptions } from './adapter/node-proxy.ts';
export { type NodeReconnectOptions, type ReconnectConnectOptions, reconnect } from './adapter/node-reconnect.ts';
export { type ServeOptions, serve, WebSocketServer } from './adapter/node-server.ts';
export { type AdmitOptions, type NodeSiteOptions, toRequestHead } from './adapter/node-site.ts';
export { WebSocketStream, type WebSocketStreamOptions } from './adapter/node-web-socket-stream.ts';
export { permessageDeflate } from './adapter/permessage-deflate.ts';
export type { SiteCounters, SiteHandler, SiteOptions, SiteSession, StopOptions, StopReport } from './adapter/site.ts';
export type { ServerCounters } from './adapter/site-server.ts';
export type { SessionTotals } from './adapter/site-totals.ts';
export type { HttpServer } from './adapter/upgrade-router.ts';
export type { ConnectOptions, HeadersInit } from './client/connect.ts';
export type { ProxyInit } from './client/proxy.ts';
export type { WebSocketStreamInit } from './client/stream-request.ts';
export { WebSocketError } from './client/web-socket-error.ts';
export type { WebSocketOpenInfo } from './client/web-socket-stream.ts';
export type { Holder } from './connection/retained-budget.ts';
export * from './engine.ts';
export type { Fault, ResponseDetails } from './error.ts';
export type { DeflateParameterOptions } from './extension/deflate-parameters.ts';
export type { ExtensionParameterValue } from './extension/extension-header.ts';
export type { FrameDecoderOptions, FramePiece } from './frame/frame-decoder.ts';
export type { FrameEncoderOptions } from './frame/frame-encoder.ts';
export type { OriginOptions } from './handshake/origin.ts';
export type {
  AcceptedHandshake,
  HandshakeAnswer,
  RefusedHandshake,
  ServerHandshake,
} from './handshake/server-handshake.ts';
export type { PassedOptions } from './job/web-socket-upgrade.ts';
export type { MessageAssemblerLimits } from './message/message-assembler.ts';
