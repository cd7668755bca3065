// What level, window and memory of a compressor cost and bring: JSON that is deflated and inflated in this process, as millrace does it. MESSAGES is how many small ones a round has.

import { jsonOf } from './support/json.js';
import { openTransforms } from './support/transform.js';
import { inBytes, KiB, printProgress, printTable, setting } from './support/units.js';

const MESSAGES = setting('MESSAGES', 32_000);
const ROUNDS = setting('ROUNDS', 7);

// In turns: each message finds the processor's caches full of the other connections' contexts.
const sizes = [
  { size: 262, count: MESSAGES, connections: 1 },
  { size: 262, count: MESSAGES, connections: 64 },
  { size: 16 * KiB, count: MESSAGES / 32, connections: 1 },
  { size: 16 * KiB, count: MESSAGES / 32, connections: 16 },
];

const settings = [1, 3, 6].flatMap((level) =>
  [
    [15, 8],
    [14, 7],
    [13, 6],
    [12, 5],
  ].map(([windowBits, memoryLevel]) => ({ level, windowBits, memoryLevel })),
);

function measure({ level, windowBits, memoryLevel }, connections, messages) {
  const options = { level, memoryLevel, windowBits, maxContexts: Number.POSITIVE_INFINITY };
  const transforms = Array.from({ length: connections }, () => openTransforms(options));
  const deflated = [];
  let plain = 0;
  const pass = (/** @type {number} */ from, /** @type {number} */ to) => {
    const began = performance.now();
    for (let at = from; at < to; at++) deflated.push(transforms[at % connections].deflate(messages[at]));
    const between = performance.now();
    for (let at = from; at < to; at++) plain += transforms[at % connections].inflate(deflated[at]);
    const us = (/** @type {number} */ time) => (time * 1000) / (to - from);
    return { deflating: us(between - began), inflating: us(performance.now() - between) };
  };
  // A quarter of them makes the contexts, and fills them.
  const first = messages.length / 4;
  pass(0, first);
  const times = pass(first, messages.length);
  for (const { close } of transforms) close();
  const size = messages[0].byteLength;
  if (plain !== size * messages.length) throw new Error('Something else came out');
  const bytes = deflated.slice(first).reduce((sum, each) => sum + each.byteLength, 0);
  return { ...times, share: bytes / (messages.length - first) / size };
}

function median(values) {
  return values.sort((one, other) => one - other)[values.length >> 1];
}

// zconf.h: what a compressor holds.
function memoryOf({ memoryLevel, windowBits }) {
  return `${((1 << (windowBits + 2)) + (1 << (memoryLevel + 9))) / KiB} KiB`;
}

const rows = settings.map((each) => [`${each.level}, ${each.windowBits} bits, ${each.memoryLevel}`, memoryOf(each)]);
for (const { size, count, connections } of sizes) {
  const messages = Array.from({ length: count }, jsonOf(1, size));
  /** @type {ReturnType<typeof measure>[][]} */
  const measured = settings.map(() => []);
  // In turns, so that what else the machine does meets all of them; the first round is a warm-up.
  for (let round = 0; round <= ROUNDS; round++) {
    printProgress(`${connections} of ${inBytes(size)}, round ${round} of ${ROUNDS}`);
    for (const [at, options] of settings.entries()) {
      const one = measure(options, connections, messages);
      if (round > 0) measured[at].push(one);
    }
  }
  for (const [at, rounds] of measured.entries()) {
    const of = (name) => median(rounds.map((round) => round[name]));
    if (connections === 1) rows[at].push(`${(of('share') * 100).toFixed(1)} %`);
    rows[at].push(`${of('deflating').toFixed(1)} + ${of('inflating').toFixed(1)} us`);
  }
}
const names = sizes.flatMap(({ size, connections }) =>
  connections === 1 ? [`${inBytes(size)} to`, 'alone'] : [`${connections} in turns`],
);
printTable(['level, window, memory level', 'holds', ...names], rows);
