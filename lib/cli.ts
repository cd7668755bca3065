#!/usr/bin/env node
// The command line: `millrace echo`, an echo server. A public interface: what it prints where, and its exit codes, stay as they are.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type EchoArguments, help, parseArguments, UsageError } from './cli/arguments.ts';
import { onStopSignal } from './cli/stop-signal.ts';
import { defaultLimits, type ProtocolLimits, permessageDeflate, type Session, serve } from './node.ts';

// Whoever reads what is printed may go away. The server goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

void main(process.argv.slice(2));

// Never rejects. The exit code is only set: the process ends by itself when there is nothing left to do.
async function main(words: readonly string[]): Promise<void> {
  try {
    const parsed = parseArguments(words);
    if (parsed.command === 'help') console.log(help);
    else if (parsed.command === 'version') console.log(readVersion());
    else await echo(parsed);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`millrace: ${message.replace(/\s+/g, ' ')}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function echo({ port, host, maxMessageSize, origins, deflate }: EchoArguments): Promise<void> {
  const stopping = new AbortController();
  onStopSignal(() => stopping.abort());
  const limits = toLimits(maxMessageSize);
  const extensions = deflate ? [permessageDeflate()] : [];
  const server = await serve({ port, host, origins, limits, extensions, signal: stopping.signal }, echoMessages);
  if (!stopping.signal.aborted) console.log(`listening on ${server.url}`);
}

async function echoMessages(session: Session): Promise<void> {
  for await (const message of session) await session.send(message);
}

// Whoever takes longer messages takes more fragments too: otherwise the default for them would cut the size that was asked for.
function toLimits(maxMessageSize: number): Partial<ProtocolLimits> {
  const isRaised = maxMessageSize > defaultLimits.maxMessageSize;
  const maxFragments = isRaised ? Math.ceil(maxMessageSize / 64) : defaultLimits.maxFragments;
  return { maxMessageSize, maxFragments };
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
