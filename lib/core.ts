// The sans-I/O protocol alone: no socket, stream, promise, timer, clock or random source. Re-exports only.

export { ByteQueue } from './bytes/byte-queue.ts';
export { maskInPlace } from './bytes/mask.ts';
export { OutputQueue, Slab } from './bytes/output-queue.ts';
export { Utf8Validator } from './bytes/utf8.ts';
export { Endpoint, type EndpointOptions } from './endpoint/endpoint.ts';
export type { EndpointEvent } from './endpoint/event.ts';
export { Keepalive, type Verdict } from './endpoint/keepalive.ts';
export type { EndpointState } from './endpoint/state.ts';
export {
  ConnectionError,
  type ErrorCode,
  ExtensionError,
  errorCodes,
  type Fault,
  HandshakeError,
  LimitError,
  LocalProtocolError,
  MillraceError,
  RemoteProtocolError,
  type ResponseDetails,
} from './error.ts';
export type {
  CodecStream,
  DeflateCodec,
  DeflaterOptions,
  InflaterOptions,
} from './extension/deflate-codec.ts';
export type { DeflateParameterOptions } from './extension/deflate-parameters.ts';
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
export type { ExtensionOffer, ExtensionParameterValue } from './extension/extension-header.ts';
export {
  type AgreedExtension,
  acceptExtensions,
  confirmExtensions,
  offerExtensions,
} from './extension/extension-negotiation.ts';
export type { OutgoingMessage } from './extension/message-deflater.ts';
export { PermessageDeflate, type PermessageDeflateOptions } from './extension/permessage-deflate.ts';
export { CloseCode, type CloseStatus, isSendableCloseCode } from './frame/close-code.ts';
export type { Frame, Role } from './frame/frame.ts';
export { FrameDecoder, type FrameDecoderOptions, type FramePiece } from './frame/frame-decoder.ts';
export { FrameEncoder, type FrameEncoderOptions } from './frame/frame-encoder.ts';
export { Opcode } from './frame/opcode.ts';
export {
  type ConnectionLimits,
  defaultLimits,
  type HandshakeLimits,
  type Limits,
  type ProtocolLimits,
  type ServerLimits,
} from './limits.ts';
export type { Message, MessageSource, MessageType } from './message/message.ts';
export { MessageAssembler, type MessageAssemblerLimits } from './message/message-assembler.ts';
export { fragmentMessage } from './message/message-fragmenter.ts';
export { type MessagePiece, MessagePieces } from './message/message-pieces.ts';
