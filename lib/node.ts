// The entry for Node: the engine, and servers over node:http. Re-exports only.

export { toByteStreams } from './adapter/node-byte-streams.ts';
export {
  type ServeOptions,
  type ServerCounters,
  type StopOptions,
  type StopReport,
  serve,
  toRequestHead,
  WebSocketServer,
} from './adapter/node-server.ts';
export {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  HandshakeError,
  LimitError,
  LocalProtocolError,
  RemoteProtocolError,
  WebSocketError,
} from './error.ts';
export type { ExtensionOffer } from './extension/extension-header.ts';
export { CloseCode, type CloseStatus } from './frame/close-code.ts';
export type { Role } from './frame/frame.ts';
export { HeaderFields, type RequestHead } from './handshake/http-head.ts';
export { type ServerHandshakeOptions, ServerHandshakeRules } from './handshake/server-handshake.ts';
export type { Abandoned, CloseInfo } from './job/close-info.ts';
export type { Counters } from './job/connection.ts';
export type { Clock, EngineContext, Scheduler, UserContext } from './job/context.ts';
export { type Handler, Job, type JobState } from './job/job.ts';
export { Session, type SessionFacts, type UpgradeRequest } from './job/session.ts';
export { type UpgradeOptions, upgrade } from './job/upgrade.ts';
export { WebSocketUpgrade, type WebSocketUpgradeOptions } from './job/web-socket-upgrade.ts';
export { type ConnectionLimits, defaultLimits, type HandshakeLimits, type ProtocolLimits } from './limits.ts';
export type { Message, MessageSource } from './message/message.ts';
export type { ByteStreams } from './stream/transport.ts';
