// What `npm start` shows: a page that a person can talk to the engine with, and on the terminal three real clients and every frame that goes over the
// wire.

import process from 'node:process';
import { onStopSignal } from '../cli/stop-signal.ts';
import { type Client, clients } from './clients.ts';
import { PageFiles } from './page-files.ts';
import { Printer } from './print.ts';
import { TappedServer } from './tapped-server.ts';
import { Visits } from './visits.ts';

// PORT=0 is a free one.
const wantedPort = Number(process.env['PORT'] ?? 8080);

const hasColours = process.stdout.isTTY === true && !process.env['NO_COLOR'];
const printer = new Printer({ write: (line) => console.log(line), hasColours });

void main();

async function main(): Promise<void> {
  const visits = new Visits(clients.map(({ name }) => name));
  const files = new PageFiles();
  const server = new TappedServer({
    printer,
    guestOf: (request) => visits.guestOf(request),
    answer: (request, response) => files.answer(request, response),
  });
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
    const port = await listen(server);
    const url = `ws://127.0.0.1:${port}`;
    introduce(port);
    for (const client of clients) {
      if (isStopping) return;
      await perform(client, url);
      await server.quiet();
    }
    if (!isStopping) invite(port);
  } catch (error) {
    if (isStopping) return;
    console.error(error);
    process.exitCode = 1;
    await server.stop();
  }
}

// Somebody else may have the port that everybody likes.
async function listen(server: TappedServer): Promise<number> {
  try {
    return await server.listen(wantedPort);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const port = await server.listen(0);
    printer.line();
    printer.line(
      `Port ${wantedPort} is ${code === 'EACCES' ? 'not allowed' : 'taken'}: it is ${port} this time.`,
      'yellow',
    );
    return port;
  }
}

function introduce(port: number): void {
  printer.line();
  printer.line(`The page: http://127.0.0.1:${port}`, 'bold');
  printer.line();
  printer.line('Before you go there, three clients talk to millrace with this handler:');
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

function invite(port: number): void {
  printer.line();
  printer.line(`Now you: open http://127.0.0.1:${port} in a browser. Ctrl-C stops it.`, 'bold');
  printer.line('What the page sends and receives is shown here too.');
  printer.line();
}
