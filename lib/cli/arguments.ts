// What the words of a command line ask for. Knows what they mean, does nothing of it.

import { parseArgs } from 'node:util';
import { type ConnectArguments, connectFlags, readConnectArguments } from './connect-arguments.ts';
import { type EchoArguments, echoFlags, readEchoArguments } from './echo-arguments.ts';
import { type Flag, FlagValues } from './flag-values.ts';
import { quote, usage } from './usage-error.ts';

/** What is asked for. */
export type Arguments =
  | EchoArguments
  | ConnectArguments
  | { readonly command: 'help' }
  | { readonly command: 'version' };

/** The flags of `echo`, and those of all commands. Those of `connect` are `connectFlags`. */
export const flags = {
  ...echoFlags,
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const allFlags: { readonly [name: string]: Flag } = { ...connectFlags, ...flags };
const ofCommand: { readonly [command: string]: object } = { echo: echoFlags, connect: connectFlags };

/**
 * Parses the words behind the name of the program. Of a flag that is repeated the last one holds, but for those of which all do: `--allow-origin`, `--header`, `--subprotocol`.
 *
 * @throws UsageError
 */
export function parseArguments(words: readonly string[]): Arguments {
  const values = new FlagValues();
  const positionals: string[] = [];
  // Not strict: its messages are of several lines. What it checks is checked here.
  const { tokens } = parseArgs({
    args: [...words],
    options: allFlags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind === 'option') values.add(token.name, checkOption(token));
  }
  if (values.has('help')) return { command: 'help' };
  if (values.has('version')) return { command: 'version' };
  const [command, ...others] = positionals;
  checkCommand(command, values);
  return command === 'echo' ? readEchoArguments(values, others) : readConnectArguments(values, others);
}

interface Option {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkOption({ name, rawName, value, inlineValue }: Option): string {
  const flag = Object.hasOwn(allFlags, name) ? allFlags[name] : undefined;
  if (flag === undefined) throw usage(`unknown flag ${quote(rawName)}`);
  if (flag.type === 'boolean') {
    if (value !== undefined) throw usage(`flag ${rawName} takes no value`);
    return '';
  }
  // "--host --port 80": the next flag is no value.
  if (value === undefined || (!inlineValue && value.startsWith('--'))) throw usage(`flag ${rawName} needs a value`);
  return value;
}

function checkCommand(command: string | undefined, values: FlagValues): void {
  if (command === undefined) throw usage('no command is given');
  const own = Object.hasOwn(ofCommand, command) ? ofCommand[command] : undefined;
  if (own === undefined) throw usage(`unknown command ${quote(command)}`);
  for (const name of Object.keys(allFlags)) {
    if (values.has(name) && !Object.hasOwn(own, name)) throw usage(`flag --${name} is not one of ${command}`);
  }
}
