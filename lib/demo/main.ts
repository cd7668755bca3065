// What `npm start` shows: the engine behind a real server, three real clients, and every frame that goes over the wire.

import type { IncomingMessage } from 'node:http';
import process from 'node:process';
import { onStopSignal } from '../cli/stop-signal.ts';
import type { Handler } from '../node.ts';
import { type Client, clients } from './clients.ts';
import { Printer } from './print.ts';
import { TappedServer } from './tapped-server.ts';
import { upperCase } from './upper-case.ts';

const handler: Handler = (session) => session.readable.pipeThrough(upperCase()).pipeTo(session.writable);

const hasColours = process.stdout.isTTY === true && !process.env['NO_COLOR'];
const printer = new Printer({ write: (line) => console.log(line), hasColours });

void main();

async function main(): Promise<void> {
  const server = new TappedServer({ printer, nameOf: createNames() }, handler);
  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    const count = await server.stop();
    // Behind the ^C that a terminal shows.
    if (process.stdout.isTTY) printer.line();
    printer.line(
      count === 0 ? 'Stopped.' : `Stopped: ${count === 1 ? '1 session' : `${count} sessions`} closed with 1001.`,
    );
  };
  onStopSignal(() => void stop());
  // Nobody reads on: `npm start | head`.
  process.stdout.on('error', () => void stop());
  try {
    const url = await server.listen();
    introduce(url);
    for (const client of clients) {
      if (isStopping) return;
      await perform(client, url);
      await server.quiet();
    }
    if (!isStopping) invite(url);
  } catch (error) {
    if (isStopping) return;
    console.error(error);
    process.exitCode = 1;
    await server.stop();
  }
}

function introduce(url: string): void {
  printer.line();
  printer.line(`millrace serves on ${url} with this handler:`, 'bold');
  printer.line();
  printer.line('  (session) => session.readable.pipeThrough(upperCase()).pipeTo(session.writable)', 'bold');
  printer.line();
  printer.line('→ goes to the server, ← to the client, as a tap on the byte streams sees it; · is all else.');
  printer.line();
  printer.head();
}

async function perform({ name, title, talk }: Client, url: string): Promise<void> {
  printer.line();
  printer.line(`${' '.repeat(10)}${title}`, 'bold');
  await talk(`${url}/${name}`, (text) => printer.note(name, text));
}

function invite(url: string): void {
  printer.line();
  printer.line(`Serving on ${url}. Ctrl-C stops it. A client for another terminal, in this folder:`, 'bold');
  printer.line();
  printer.line(`  node -e "const w = new (require('ws'))('${url}');`);
  printer.line("           w.onopen = () => w.send('hello'); w.onmessage = (m) => console.log(m.data)\"");
  printer.line();
}

// The three ask for the path of their name; whoever else comes is a guest.
function createNames(): (request: IncomingMessage) => string {
  const expected = new Set(clients.map(({ name }) => name));
  let guests = 0;
  return ({ url = '' }) => {
    const name = url.slice(1);
    return expected.delete(name) ? name : `guest ${++guests}`;
  };
}
