// What the words of a command line ask for. Knows what they mean, does nothing of it.

import { parseArgs } from 'node:util';
import { compileOriginRule } from '../handshake/origin.ts';
import { defaultLimits } from '../limits.ts';

/** `millrace echo` with all its flags filled in. */
export interface EchoArguments {
  readonly command: 'echo';
  readonly port: number;
  readonly host: string;
  readonly maxMessageSize: number;
  /** The origins of pages that are admitted beside the server's own. */
  readonly origins: readonly string[];
  /** Whether messages are compressed, where the peer offers it. */
  readonly deflate: boolean;
}

/** What is asked for. */
export type Arguments = EchoArguments | { readonly command: 'help' } | { readonly command: 'version' };

/** The command line is wrong. Its message is one line. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** Every flag there is. */
export const flags = {
  port: { type: 'string' },
  host: { type: 'string' },
  'max-message-size': { type: 'string' },
  'allow-origin': { type: 'string', multiple: true },
  deflate: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const DEFAULT_PORT = 8080;
const DEFAULT_HOST = '127.0.0.1';
const GIBIBYTE = 1024 ** 3;

/** What `--help` prints. */
export const help = `millrace, a WebSocket engine on WHATWG streams

Usage: millrace echo [flags]

Commands:
  echo  Runs a server that sends every message back, on any path. Prints
        "listening on ws://HOST:PORT" when it is ready. SIGINT (Ctrl-C) and
        SIGTERM stop it: open connections are closed with 1001.

Flags of echo:
  --port PORT               The port to listen on, 0 to 65535.
                            0 takes a free one. Default: ${DEFAULT_PORT}
  --host HOST               The address or name to listen on.
                            Default: ${DEFAULT_HOST}
  --max-message-size BYTES  The longest message to take, 1 to ${GIBIBYTE}
                            (1 GiB). A longer one closes its connection with
                            1009. Default: ${defaultLimits.maxMessageSize} (1 MiB)
  --allow-origin PATTERN    Admits the pages of an origin: a * stands for one
                            label or the port (https://*.example.com), or
                            alone for all. May be repeated.
                            Default: only the server's own pages.
  --deflate                 Compresses messages (permessage-deflate) where
                            the peer offers it. Default: no.

Flags of all:
  -h, --help                Prints this help.
  --version                 Prints the version.

Exit codes: 0 stopped, 1 cannot listen, 2 the command line is wrong. A second
signal while it stops ends it at once, with 128 and the signal's number.`;

/**
 * Parses the words behind the name of the program. Of a flag that is repeated the last one holds, but for `--allow-origin`: all of them.
 *
 * @throws UsageError
 */
export function parseArguments(words: readonly string[]): Arguments {
  const values = new Map<string, string | undefined>();
  const positionals: string[] = [];
  const origins: string[] = [];
  // Not strict: its messages are of several lines. What it checks is checked here.
  const { tokens } = parseArgs({
    args: [...words],
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const value = checkOption(token);
    if (token.name === 'allow-origin') origins.push(value as string);
    else values.set(token.name, value);
  }
  if (values.has('help')) return { command: 'help' };
  if (values.has('version')) return { command: 'version' };
  checkCommand(positionals);
  return {
    command: 'echo',
    port: parseInteger('port', values.get('port') ?? String(DEFAULT_PORT), 0, 65_535),
    host: parseHost(values.get('host') ?? DEFAULT_HOST),
    maxMessageSize: parseInteger(
      'max-message-size',
      values.get('max-message-size') ?? String(defaultLimits.maxMessageSize),
      1,
      GIBIBYTE,
    ),
    origins: checkOrigins(origins),
    deflate: values.has('deflate'),
  };
}

interface Option {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkOption({ name, rawName, value, inlineValue }: Option): string | undefined {
  if (!Object.hasOwn(flags, name)) throw usage(`unknown flag ${quote(rawName)}`);
  if (flags[name as keyof typeof flags].type === 'boolean') {
    if (value !== undefined) throw usage(`flag ${rawName} takes no value`);
    return undefined;
  }
  // "--host --port 80": the next flag is no value.
  if (value === undefined || (!inlineValue && value.startsWith('--'))) throw usage(`flag ${rawName} needs a value`);
  return value;
}

function checkCommand([command, ...others]: readonly string[]): void {
  if (command === undefined) throw usage('no command is given');
  if (command !== 'echo') throw usage(`unknown command ${quote(command)}`);
  if (others[0] !== undefined) throw usage(`unexpected argument ${quote(others[0])}`);
}

function parseInteger(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usage(`flag --${name} must be an integer from ${least} to ${most}, not ${quote(text)}`);
}

function checkOrigins(origins: readonly string[]): readonly string[] {
  try {
    compileOriginRule({ origins });
  } catch (error) {
    throw usage(`flag --allow-origin is wrong: ${(error as Error).message}`);
  }
  return origins;
}

function parseHost(text: string): string {
  if (text.trim() === '') throw usage('flag --host must not be empty');
  return text;
}

function usage(problem: string): UsageError {
  return new UsageError(`${problem}; see millrace --help`);
}

// One line, whatever was typed.
function quote(text: string): string {
  return JSON.stringify(text);
}
