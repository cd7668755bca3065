// Runs README's first server as a user has copied it (server.js, beside this file), talks to it, and stops it as a terminal does.

import process from 'node:process';
import { connect } from 'millrace';

const { log } = console;
const lines = [];
console.log = (line) => lines.push(line);
await import('./server.js');
console.log = log;

const [, url] = /^listening on (ws:\/\/\S+)$/.exec(lines[0]) ?? [];
const session = await connect(url);
await session.send('hello');
const answer = await session.receive();
process.emit('SIGINT');
const { closeCode, wasClean } = await session.closed;
console.log(JSON.stringify({ answer, closeCode, wasClean, lines: lines.length }));
