#!/usr/bin/env node
// The command line: `millrace echo`, an echo server, and `millrace connect`, a client. A public interface: what it prints where, and its exit codes, stay as they are.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArguments } from './cli/arguments.ts';
import { runConnect } from './cli/connect.ts';
import type { ConnectArguments } from './cli/connect-arguments.ts';
import { describeError } from './cli/describe-error.ts';
import type { EchoArguments } from './cli/echo-arguments.ts';
import { help } from './cli/help.ts';
import { toMessageLimits } from './cli/message-limits.ts';
import { onStopSignal } from './cli/stop-signal.ts';
import { UsageError } from './cli/usage-error.ts';
import { permessageDeflate, type Session, serve } from './node.ts';

// Whoever reads what is printed may go away. A server goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

void main(process.argv.slice(2));

// Never rejects. The exit code is only set: the process ends by itself when there is nothing left to do.
async function main(words: readonly string[]): Promise<void> {
  try {
    const parsed = parseArguments(words);
    if (parsed.command === 'help') console.log(help);
    else if (parsed.command === 'version') console.log(readVersion());
    else if (parsed.command === 'echo') await echo(parsed);
    else await converse(parsed);
  } catch (error) {
    console.error(`millrace: ${describeError(error)}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function converse(parsed: ConnectArguments): Promise<void> {
  process.exitCode = await runConnect(parsed);
  // Deno waits for a read of standard input that is under way, whatever becomes of the stream. All that was to be printed has been taken.
  if ('Deno' in globalThis) process.exit();
}

async function echo({ port, host, maxMessageSize, origins, deflate }: EchoArguments): Promise<void> {
  const stopping = new AbortController();
  onStopSignal(() => stopping.abort());
  const limits = toMessageLimits(maxMessageSize);
  const extensions = deflate ? [permessageDeflate()] : [];
  const server = await serve({ port, host, origins, limits, extensions, signal: stopping.signal }, echoMessages);
  if (!stopping.signal.aborted) console.log(`listening on ${server.url}`);
}

async function echoMessages(session: Session): Promise<void> {
  for await (const message of session) await session.send(message);
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
