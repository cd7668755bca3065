// How long one message holds the event loop while it is deflated in one go: what tells from which size on a message is sent in steps. TIMES is how many of each are measured.

import { randomBytes } from 'node:crypto';
import { jsonOf } from './support/json.js';
import { openTransforms } from './support/transform.js';
import { inBytes, inMilliseconds, KiB, MiB, printProgress, printTable, setting } from './support/units.js';

const TIMES = setting('TIMES', 300);
const LEVEL = setting('LEVEL', 6);
const VARIANTS = 8;
const WARM_UP = 20;

const kinds = [
  { name: 'JSON', make: (size, seed) => jsonOf(seed, size)() },
  { name: 'base64 of noise', make: (size) => Buffer.from(randomBytes((size * 3) / 4).toString('base64')) },
  { name: 'noise', make: (size) => randomBytes(size) },
];

function measure({ name, make }, size) {
  printProgress(`${name}, ${inBytes(size)}`);
  const messages = Array.from({ length: VARIANTS }, (_, seed) => make(size, seed + 1));
  const { deflate, close } = openTransforms({ level: LEVEL, memoryLevel: 8, windowBits: 15 });
  const times = [];
  let bytes = 0;
  for (let count = -WARM_UP; count < TIMES; count++) {
    const message = messages[(count + WARM_UP) % VARIANTS];
    const began = performance.now();
    const { byteLength } = deflate(message);
    const time = performance.now() - began;
    if (count < 0) continue;
    times.push(time);
    bytes += byteLength;
  }
  close();
  times.sort((one, other) => one - other);
  const at = (share) => inMilliseconds(times[Math.min(times.length - 1, Math.floor(times.length * share))]);
  return [name, inBytes(size), `${((bytes / TIMES / size) * 100).toFixed(0)} %`, at(0.5), at(0.99), at(1)];
}

const rows = [];
for (const kind of kinds) {
  for (const size of [64 * KiB, 128 * KiB, 256 * KiB, 512 * KiB, MiB]) rows.push(measure(kind, size));
}
printTable([`level ${LEVEL}`, 'of', 'compressed to', 'p50', 'p99', 'worst'], rows);
