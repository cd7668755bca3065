// Counts what a message costs in calls that are the same in every run: writes to sockets, bytes that are copied, streams and promises that are made. Must be installed before the library is loaded,
// which may keep what it finds.

import { createHook } from 'node:async_hooks';
import { connect, createServer } from 'node:net';

/**
 * @typedef {object} Counts
 * @property {number} writes To sockets: what the system is asked, however the library asks for it.
 * @property {number} copied Bytes, by what the platform has for it. A loop that copies byte after byte is not seen.
 * @property {number} streams Streams, their readers and their writers.
 * @property {number} promises
 */

/** @type {Counts} */
const counts = { writes: 0, copied: 0, streams: 0, promises: 0 };

/** Handles whose writes are not counted: those of the load. */
const ignored = new WeakSet();

/** Does not count what is written to this handle. @param {object} handle */
export function ignoreHandle(handle) {
  ignored.add(handle);
}

export function readCounts() {
  return { ...counts };
}

/** What was counted since. @param {Counts} before @returns {Counts} */
export function countedSince(before) {
  const { writes, copied, streams, promises } = counts;
  return {
    writes: writes - before.writes,
    copied: copied - before.copied,
    streams: streams - before.streams,
    promises: promises - before.promises,
  };
}

/** Puts a function around another one: it is told the result, `this` and the arguments. @param {any} object @param {string} name @param {(result: any, self: any, args: any[]) => void} see */
function wrap(object, name, see) {
  const original = object[name];
  // A method, so that it has a `this` and no prototype.
  const { [name]: wrapped } = {
    /** @param {...any} args */
    [name](...args) {
      const result = Reflect.apply(original, this, args);
      see(result, this, args);
      return result;
    },
  };
  Object.defineProperty(object, name, { value: wrapped, writable: true, configurable: true });
}

/** Puts a constructor around another one. @param {string} name @param {(args: any[]) => void} see */
function wrapClass(name, see) {
  const original = /** @type {any} */ (globalThis)[name];
  const wrapped = new Proxy(original, {
    construct(target, args, newTarget) {
      see(args);
      return Reflect.construct(target, args, newTarget === wrapped ? target : newTarget);
    },
  });
  Object.defineProperty(globalThis, name, { value: wrapped, writable: true, configurable: true });
}

/** How many bytes are read from what a typed array is set to, or made of. @param {any} source */
function sizeOf(source) {
  return ArrayBuffer.isView(source) ? source.byteLength : Number(source?.length ?? 0);
}

function countCopies() {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype);
  const seen = (/** @type {number} */ bytes) => {
    counts.copied += bytes;
  };
  wrap(prototype, 'set', (_result, _self, [source]) => seen(sizeOf(source)));
  wrap(prototype, 'slice', (result) => seen(result.byteLength));
  wrap(prototype, 'copyWithin', (_result, self, [, start = 0, end = self.length]) => seen(Math.max(0, end - start)));
  wrap(Buffer.prototype, 'copy', (copied) => seen(copied));
  wrap(Buffer, 'concat', (result) => seen(result.byteLength));
  wrap(Buffer, 'copyBytesFrom', (result) => seen(result.byteLength));
  wrap(Buffer, 'from', (result, _self, [source]) => {
    if (ArrayBuffer.isView(source) || Array.isArray(source)) seen(result.byteLength);
  });
  wrapClass('Uint8Array', ([source]) => {
    const isBuffer = source instanceof ArrayBuffer || source instanceof SharedArrayBuffer;
    if (typeof source === 'object' && source !== null && !isBuffer) seen(sizeOf(source));
  });
}

function countStreams() {
  const seen = () => {
    counts.streams++;
  };
  for (const name of ['ReadableStream', 'WritableStream', 'TransformStream']) wrapClass(name, seen);
  // What has a reader of its own by `for await`, `pipeTo` or `tee` makes it inside of the platform, one for each call.
  for (const name of ['getReader', 'values', 'pipeTo', 'tee']) wrap(ReadableStream.prototype, name, seen);
  wrap(ReadableStream.prototype, Symbol.asyncIterator, seen);
  wrap(WritableStream.prototype, 'getWriter', seen);
}

/** Counts at the lowest place that JavaScript sees, which whoever writes to a socket comes by. */
async function countWrites() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const isWrite = (/** @type {string} */ name) => /^write/.test(name);
  let wrapped = 0;
  for (let each = /** @type {any} */ (socket)._handle; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each).filter(isWrite)) {
      if (typeof Object.getOwnPropertyDescriptor(each, name)?.value !== 'function') continue;
      wrapped++;
      wrap(each, name, (_result, self) => {
        if (!ignored.has(self)) counts.writes++;
      });
    }
  }
  if (wrapped === 0) throw new Error('The handle of a socket has no functions that write');
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
}

const promises = createHook({
  init: (_id, type) => {
    if (type === 'PROMISE') counts.promises++;
  },
});

/** Counts promises from here on, which makes them dearer. */
export function countPromises(isOn = true) {
  if (isOn) promises.enable();
  else promises.disable();
}

/** Puts counters around what the platform has. There is no way back: for a process that does nothing else. */
export async function installCounters() {
  await countWrites();
  countStreams();
  countCopies();
}
