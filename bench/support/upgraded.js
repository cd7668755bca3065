// A bare socket that has been upgraded, for loads that know what comes.

import { once } from 'node:events';
import { connect } from 'node:net';
import { request } from './frames.js';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const AT_A_TIME = 100;

/** @param {number} port */
export async function upgraded(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(request('/'));
  let head = Buffer.alloc(0);
  while (!head.includes(END_OF_HEAD)) head = Buffer.concat([head, (await once(socket, 'data'))[0]]);
  if (!head.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`Not upgraded: ${head}`);
  return socket;
}

/**
 * Opens many, some at a time.
 *
 * @template T
 * @param {number} count
 * @param {() => Promise<T>} open
 * @returns {Promise<T[]>}
 */
export async function openMany(count, open) {
  /** @type {T[]} */
  const opened = [];
  while (opened.length < count) {
    const some = Array.from({ length: Math.min(AT_A_TIME, count - opened.length) }, open);
    opened.push(...(await Promise.all(some)));
  }
  return opened;
}
