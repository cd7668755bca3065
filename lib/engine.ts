// What the entries for Node, for Deno's own sockets and for browsers have in common: the engine, which needs no socket. No entry itself. Re-exports only.

export type { ReceivedCloseInfo, WebSocketStreamChunk } from './client/message-streams.ts';
export type { WebSocketStreamClass, WebSocketStreamInstance } from './client/stream-class.ts';
export type { WebSocketCloseInfo } from './client/web-socket-error.ts';
export type { Abandoned, CloseInfo } from './connection/close-info.ts';
export type { Clock, EngineContext, Scheduler, UserContext } from './connection/context.ts';
export type { Counters, Dropped } from './connection/counters.ts';
export { RetainedBudget } from './connection/retained-budget.ts';
export type { MessageBody, MessageChunk, Sendable, StreamedMessageSource } from './connection/sendable.ts';
export type { SendOptions, SlowConsumer, SlowConsumerPolicy } from './connection/slow-consumer.ts';
export { StreamedMessage } from './connection/streamed-message.ts';
export {
  ConnectionError,
  type ErrorCode,
  ExtensionError,
  errorCodes,
  HandshakeError,
  LimitError,
  LocalProtocolError,
  MillraceError,
  RemoteProtocolError,
} from './error.ts';
export type {
  Extension,
  ExtensionAcceptance,
  ExtensionParameters,
  ExtensionTransform,
  IncomingTransform,
  MapPayload,
  OpenTransform,
  ReceivedParameters,
  SendHints,
} from './extension/extension.ts';
export type { ExtensionOffer } from './extension/extension-header.ts';
export {
  type AgreedExtension,
  acceptExtensions,
  confirmExtensions,
  offerExtensions,
} from './extension/extension-negotiation.ts';
export type { OutgoingMessage } from './extension/message-deflater.ts';
export type { PermessageDeflateOptions } from './extension/permessage-deflate.ts';
export { CloseCode, type CloseStatus } from './frame/close-code.ts';
export type { Frame, Role } from './frame/frame.ts';
export { Opcode } from './frame/opcode.ts';
export { HeaderFields, type RequestHead } from './handshake/http-head.ts';
export { type ServerHandshakeOptions, ServerHandshakeRules } from './handshake/server-handshake.ts';
export { type Handler, Job, type JobState, type RawHandler } from './job/job.ts';
export { Refusal, type RefusalOptions } from './job/refusal.ts';
export {
  type RawSession,
  Session,
  type SessionFacts,
  type TlsFacts,
  type UpgradeRequest,
  type UpgradeResponse,
} from './job/session.ts';
export type { Delivery, KindOptions, Received, Sent } from './job/session-kind.ts';
export { type RawUpgradeOptions, type StreamedUpgradeOptions, type UpgradeOptions, upgrade } from './job/upgrade.ts';
export {
  type AdmissionHooks,
  type DecideOptions,
  WebSocketUpgrade,
  type WebSocketUpgradeOptions,
} from './job/web-socket-upgrade.ts';
export {
  type ConnectionLimits,
  defaultLimits,
  type HandshakeLimits,
  type Limits,
  type ProtocolLimits,
  type ServerLimits,
} from './limits.ts';
export type { Message, MessageSource, MessageType } from './message/message.ts';
export type { Asked, Attempt, ReconnectBounds, ReconnectOptions, UrlSource } from './reconnect/reconnect-options.ts';
export type { Loss, LossPhase, ReconnectEnd, ReconnectState, UnsettledMessages } from './reconnect/reconnect-state.ts';
export { type ReconnectCounters, ReconnectingSession } from './reconnect/reconnecting-session.ts';
export type { Open } from './reconnect/reconnector.ts';
export { FrameDecoderStream } from './stream/frame-decoder-stream.ts';
export { FrameEncoderStream } from './stream/frame-encoder-stream.ts';
export { MessageAssemblerStream } from './stream/message-assembler-stream.ts';
export { type MessageFragmenterOptions, MessageFragmenterStream } from './stream/message-fragmenter-stream.ts';
export type { ByteStreams } from './stream/transport.ts';
