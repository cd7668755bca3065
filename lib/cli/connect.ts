// `millrace connect`: standard input to messages, messages to standard output.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NodeConnectOptions } from '../adapter/node-connect.ts';
import { permessageDeflate } from '../adapter/permessage-deflate.ts';
import type { Session } from '../job/session.ts';
import type { Message } from '../message/message.ts';
import { createPaint, type Paint } from './colours.ts';
import type { ConnectArguments } from './connect-arguments.ts';
import { Conversation } from './conversation.ts';
import { describeError } from './describe-error.ts';
import { ExitCode } from './exit-code.ts';
import { type Input, readInput } from './input.ts';
import { formatMessage } from './message-format.ts';
import { toMessageLimits } from './message-limits.ts';
import { Notices } from './notices.ts';
import { Output } from './output.ts';
import { PatientClock } from './patient-clock.ts';
import { Prompt } from './prompt.ts';
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

/** All that belongs to this process: its streams, its terminal. */
async function converse(
  session: Session,
  args: ConnectArguments,
  clock: PatientClock,
  stopping: AbortSignal,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const output = new Output(stdout, {
    heldUp: () => clock.hold(),
    released: () => clock.release(),
    broken: (error) => conversation.outputEnded(error),
  });
  const isInteractive = stdin.isTTY && stdout.isTTY && !args.isBinary;
  const prompt = isInteractive ? new Prompt({ input: stdin, output: stdout, interrupted: interrupt }) : undefined;
  const input: Input = prompt ?? readInput(stdin, { isBinary: args.isBinary, maxLength: args.maxMessageSize });
  const aside = (write: () => void): void => (prompt === undefined ? write() : prompt.aside(write));
  const format = { isTerminal: stdout.isTTY, isBinary: args.isBinary, paint: paintFor(stdout.isTTY) };
  const print = async (message: Message): Promise<void> => {
    clock.moved();
    let written = Promise.resolve();
    aside(() => {
      written = output.write(formatMessage(message, format));
    });
    return written;
  };
  // Lines of both kinds on one terminal stay in their order.
  const errors = isInteractive && stderr.isTTY ? stdout : stderr;
  const notices = new Notices({
    write: (line) => aside(() => errors.write(`${line}\n`)),
    paint: paintFor(stderr.isTTY),
    isQuiet: args.isQuiet,
  });
  const delay = (milliseconds: number, signal: AbortSignal): Promise<unknown> =>
    sleep(milliseconds, undefined, { signal });
  const conversation = new Conversation({ session, input, print, notices, delay, options: args });
  const stop = (): void => {
    output.abandon();
    setTimeout(() => process.exit(ExitCode.FAILED), LONGEST_STOP).unref();
  };
  if (stopping.aborted) stop();
  else stopping.addEventListener('abort', stop, { once: true });
  notices.note(describeConnection(session));
  return conversation.run();
}

function paintFor(isTerminal: boolean): Paint {
  return createPaint({ isTerminal, environment: process.env });
}

function interrupt(): void {
  process.emit('SIGINT', 'SIGINT');
}

function describeConnection({ response, subprotocol, extensions }: Session): string {
  const facts = [`connected to ${response?.url}`];
  if (subprotocol !== '') facts.push(`subprotocol ${subprotocol}`);
  if (extensions !== '') facts.push(extensions);
  return facts.join(', ');
}
