// Errors, ends and limits. This file is compiled, and never run.

import {
  type CloseInfo,
  ConnectionError,
  defaultLimits,
  type ErrorCode,
  errorCodes,
  HandshakeError,
  type JobState,
  LimitError,
  type Limits,
  MillraceError,
  RemoteProtocolError,
  type Session,
} from 'millrace';
import { CloseCode, Endpoint, type EndpointEvent } from 'millrace/core';
import { createPair, type Pair, type TestClock } from 'millrace/testing';
import { isOf } from './expect.ts';

declare const thrown: unknown;
declare const session: Session;

if (thrown instanceof MillraceError) {
  isOf<ErrorCode>()(thrown.code);
  // @ts-expect-error: no such code: a typing error in a switch is found.
  if (thrown.code === 'ERR_WS_CLOSD') throw thrown;
  isOf<string>()(errorCodes[thrown.code] as string);
}
if (thrown instanceof HandshakeError) isOf<number>()(thrown.status);
if (thrown instanceof RemoteProtocolError || thrown instanceof LimitError) isOf<number>()(thrown.closeCode);
// @ts-expect-error: a lost connection has no close code to be sent.
if (thrown instanceof ConnectionError) thrown.closeCode;

const info = await session.closed;
isOf<CloseInfo>()(info);
isOf<JobState>()(session.job.state);
// @ts-expect-error: how it ended is not to be changed.
info.closeCode = 1000;
// @ts-expect-error: the code is a number.
await session.close('done');
await session.close(null);
await session.close(CloseCode.GOING_AWAY, 'bye');

const limits: Limits = { ...defaultLimits, maxMessageSize: 1 };
// @ts-expect-error: the defaults are everybody's.
defaultLimits.maxMessageSize = limits.maxMessageSize;

// Every kind of event has its own members; one that is forgotten is found.
function tell(event: EndpointEvent): string {
  switch (event.type) {
    case 'message':
      return String(event.message);
    case 'piece':
      return event.piece.messageType;
    case 'frame':
      return String(event.frame.opcode);
    case 'ping':
    case 'pong':
      return String(event.payload.byteLength);
    case 'close':
      return event.reason;
    case 'fault':
      return event.fault.code;
  }
}
for (const event of new Endpoint({ role: 'server' }).receive(new Uint8Array(0))) tell(event);
// @ts-expect-error: an endpoint has a role.
new Endpoint({});

const tested = createPair({ server: { raw: true }, client: { messages: 'streamed' } });
const clock: TestClock = tested.clock;
await clock.turn(1);
const plain: Pair = createPair();
await plain.client.session.send('hello');
// @ts-expect-error: the server's side is one of frames.
await tested.server.session.send('hello');

// Options that may be undefined in so many words are those that say it: exactOptionalPropertyTypes.
// @ts-expect-error: left out, or a clock.
createPair({ clock: undefined });
