// `millrace connect`: standard input to messages, messages to standard output.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NodeConnectOptions } from '../adapter/node-connect.ts';
import { permessageDeflate } from '../adapter/permessage-deflate.ts';
import type { Session } from '../job/session.ts';
import { onAbort } from '../job/signal-registry.ts';
import type { ConnectArguments } from './connect-arguments.ts';
import { Conversation } from './conversation.ts';
import { describeError } from './describe-error.ts';
import { ExitCode } from './exit-code.ts';
import { toMessageLimits } from './message-limits.ts';
import { PatientClock } from './patient-clock.ts';
import { StandardStreams } from './standard-streams.ts';
import { onStopSignal } from './stop-signal.ts';
import { usage } from './usage-error.ts';

// Behind a signal: longer than the engine waits for the peer's close frame. In milliseconds.
const LONGEST_STOP = 6_000;

/**
 * Connects, and gives the exit code when the connection has ended.
 *
 * @throws UsageError (a rejection) when an argument cannot be used; HandshakeError when there is no connection.
 */
export async function runConnect(args: ConnectArguments): Promise<number> {
  const stopping = new AbortController();
  const clock = new PatientClock();
  const options = toOptions(args, clock, stopping.signal);
  let signalNumber = 0;
  onStopSignal((signal) => {
    signalNumber = constants.signals[signal];
    stopping.abort();
  });
  let session: Session;
  try {
    session = await connect(args.url, options);
  } catch (error) {
    if (signalNumber !== 0) return 128 + signalNumber;
    // They are told before anything is dialled.
    if (error instanceof TypeError || error instanceof RangeError) throw usage(describeError(error));
    throw error;
  }
  return converse(session, args, clock, stopping.signal);
}

// The engine's clock, its limits and what TLS trusts.
function toOptions(args: ConnectArguments, clock: PatientClock, signal: AbortSignal): NodeConnectOptions {
  const { subprotocols, headers, deflate, maxRedirects, maxMessageSize, ca, isInsecure, proxy } = args;
  const tls = {
    ...(ca === undefined ? undefined : { ca: readCertificates(ca) }),
    ...(isInsecure ? { rejectUnauthorized: false } : undefined),
  };
  const options = {
    subprotocols,
    headers,
    extensions: deflate ? [permessageDeflate()] : [],
    maxRedirects,
    limits: toMessageLimits(maxMessageSize),
    engineContext: { clock },
    tls,
    signal,
    ...(proxy === undefined ? undefined : { proxy }),
  };
  return options;
}

function readCertificates(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usage(`cannot read the file of --ca: ${describeError(error)}`);
  }
}

async function converse(
  session: Session,
  args: ConnectArguments,
  clock: PatientClock,
  stopping: AbortSignal,
): Promise<number> {
  const streams = new StandardStreams(process, args, {
    heldUp: () => clock.hold(),
    released: () => clock.release(),
    broken: (error) => conversation.outputEnded(error),
    interrupted: () => process.emit('SIGINT', 'SIGINT'),
  });
  const { input, notices } = streams;
  const conversation = new Conversation({
    session,
    input,
    print: (message) => {
      clock.moved();
      return streams.print(message);
    },
    notices,
    delay: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
    options: args,
  });
  onAbort(stopping, () => {
    streams.abandon();
    setTimeout(() => process.exit(ExitCode.FAILED), LONGEST_STOP).unref();
  });
  notices.note(describeConnection(session));
  return conversation.run();
}

function describeConnection({ response, subprotocol, extensions }: Session): string {
  const facts = [`connected to ${response?.url}`];
  if (subprotocol !== '') facts.push(`subprotocol ${subprotocol}`);
  if (extensions !== '') facts.push(extensions);
  return facts.join(', ');
}
