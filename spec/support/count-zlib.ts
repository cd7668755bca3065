// Counts the streams that zlib makes in this process, and can make its call in place fail. Loaded before what it watches.

import zlib from 'node:zlib';

interface Handle {
  init: (...args: unknown[]) => unknown;
  writeSync: (...args: unknown[]) => unknown;
}

function prototypeOf(stream: unknown): Handle {
  return Object.getPrototypeOf((stream as { _handle: object })._handle);
}

const prototype = prototypeOf(zlib.createInflateRaw());
const { init, writeSync } = prototype;

/** How many streams were made, and whether a call in place fails from now on. */
export const watched: { made: number; isBroken: boolean } = { made: 0, isBroken: false };

prototype.init = function (...args) {
  watched.made++;
  return init.apply(this, args);
};
prototype.writeSync = function (...args) {
  if (watched.isBroken) throw new Error('zlib cannot be called in place');
  return writeSync.apply(this, args);
};
