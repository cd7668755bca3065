// `millrace connect` on a terminal.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/node.ts';
import { echo, idle, startServer } from '../support/server.ts';
import { Child } from './child.ts';
import { PseudoTerminal } from './pseudo-terminal.ts';

const test = suite('connect · terminal');

test.before(() => Child.bundle());

const ESCAPE = '\x1b';

test('it asks for lines, what the peer sends is escaped, and Ctrl-D ends', async () => {
  await using server = await startServer(async (session: Session) => {
    for await (const message of session) await session.send(`${message}${ESCAPE}[2J`);
  });
  using terminal = new PseudoTerminal([...Child.command, 'connect', server.url], { NO_COLOR: '1', TERM: 'xterm' });
  await terminal.shows('> ');
  assert.match(terminal.screen, 'connected to ');
  terminal.type('hello\r');
  await terminal.shows('< hello\\u{1b}[2J\r\n');
  terminal.type('\x04');
  await terminal.shows('millrace: closed with 1000');
  assert.is(await terminal.code(), 0);
  assert.is(terminal.screen.includes(`${ESCAPE}[2J`), false);
  assert.is(terminal.screen.includes(`${ESCAPE}[36m`), false);
});

test('there are colours, and Ctrl-C closes with 1001', async () => {
  await using server = await startServer((session: Session) => session.send('hi').then(idle));
  using terminal = new PseudoTerminal([...Child.command, 'connect', server.url], { NO_COLOR: '', TERM: 'xterm' });
  await terminal.shows(`${ESCAPE}[36m< hi${ESCAPE}[0m`);
  terminal.type('\x03');
  assert.is(await terminal.code(), 0);
  assert.is((await (await server.session()).closed).closeCode, 1001);
});

test('with --binary nothing is asked for, and no bytes of the peer get to the terminal', async () => {
  await using server = await startServer(echo);
  using terminal = new PseudoTerminal([...Child.command, 'connect', server.url, '--binary'], { NO_COLOR: '1' });
  await terminal.shows('connected');
  terminal.type(`${ESCAPE}\n`);
  await terminal.shows('< binary message of 2 bytes: 1b 0a');
  terminal.type('\x04');
  assert.is(await terminal.code(), 0);
});

test.run();
