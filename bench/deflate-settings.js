// What level, window and memory of a compressor cost and bring: JSON that is deflated and inflated in this process, as millrace does it. MESSAGES is how many small ones a round has.

import { jsonOf } from './support/json.js';
import { openTransforms } from './support/transform.js';
import { inBytes, KiB, printProgress, printTable, setting } from './support/units.js';

const MESSAGES = setting('MESSAGES', 20_000);
const ROUNDS = setting('ROUNDS', 7);

const sizes = [
  { size: 262, count: MESSAGES },
  { size: 16 * KiB, count: MESSAGES / 20 },
];

const settings = [];
for (const level of [1, 3, 6]) {
  for (const [bits, memoryLevel] of [
    [15, 8],
    [13, 6],
    [12, 5],
  ]) {
    settings.push({ level, memoryLevel, serverMaxWindowBits: bits === 15 ? undefined : bits });
  }
}

function measure(options, messages) {
  const { deflate, inflate, close } = openTransforms(options);
  // The first is outside: it makes the context.
  const deflated = [];
  deflated.push(deflate(messages[0]));
  let began = performance.now();
  for (let at = 1; at < messages.length; at++) deflated.push(deflate(messages[at]));
  const deflating = performance.now() - began;
  inflate(deflated[0]);
  let plain = 0;
  began = performance.now();
  for (let at = 1; at < deflated.length; at++) plain += inflate(deflated[at]);
  const inflating = performance.now() - began;
  close();
  const size = messages[0].byteLength;
  if (plain !== size * (messages.length - 1)) throw new Error('Something else came out');
  const bytes = deflated.reduce((sum, each) => sum + each.byteLength, 0);
  const us = (time) => (time * 1000) / (messages.length - 1);
  return { deflating: us(deflating), inflating: us(inflating), share: bytes / messages.length / size };
}

function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1];
}

// zconf.h: what a compressor holds.
function memoryOf({ memoryLevel, serverMaxWindowBits = 15 }) {
  return ((1 << (serverMaxWindowBits + 2)) + (1 << (memoryLevel + 9))) / KiB;
}

const rows = settings.map(({ level, memoryLevel, serverMaxWindowBits = 15 }) => [
  `${level}`,
  `${serverMaxWindowBits}`,
  `${memoryLevel}`,
  `${memoryOf({ memoryLevel, serverMaxWindowBits })} KiB`,
]);
for (const { size, count } of sizes) {
  const next = jsonOf(1, size);
  const messages = Array.from({ length: count }, next);
  /** @type {ReturnType<typeof measure>[][]} */
  const measured = settings.map(() => []);
  // In turns, so that what else the machine does meets all of them; the first round is a warm-up.
  for (let round = 0; round <= ROUNDS; round++) {
    printProgress(`${inBytes(size)}, round ${round} of ${ROUNDS}`);
    for (const [at, options] of settings.entries()) {
      const one = measure(options, messages);
      if (round > 0) measured[at].push(one);
    }
  }
  for (const [at, rounds] of measured.entries()) {
    const of = (name) => median(rounds.map((round) => round[name]));
    rows[at].push(
      `${(of('share') * 100).toFixed(1)} %`,
      `${of('deflating').toFixed(1)} us`,
      `${of('inflating').toFixed(1)} us`,
    );
  }
}
const names = sizes.flatMap(({ size }) => [`${inBytes(size)} to`, 'deflate', 'inflate']);
printTable(['level', 'window', 'memory level', 'holds', ...names], rows);
