// What the smallest pieces of work cost, without connections: decoding, encoding, masking, UTF-8. About a minute.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { MeasuredProcess } from './support/measured-process.js';
import { inBytes, KiB, MiB } from './support/units.js';

export const title = 'The smallest pieces';
export const about = `In a process for each, by what \`millrace/core\` exports: the same bytes again and again, so they are in the processor's caches. What each of them has made
is compared once before it is measured. *decode* gives whole messages of chunks of 64 KiB, unmasked where they are; *encode* gives what is to be written of 16 frames; *check a text* is that of one that comes in pieces, *make a string of a text* that of one that comes whole.`;

const withoutAddOns = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

/** Who does a work: as the tables have it, and as the program has it. */
const decoders = [
  { name: 'millrace', who: 'millrace' },
  { name: 'millrace, frames alone', who: 'frames' },
  { name: 'ws with add-ons', who: 'ws' },
  { name: 'ws', who: 'ws', env: withoutAddOns },
];
const encoders = [
  { name: 'millrace', who: 'millrace' },
  { name: 'ws with add-ons', who: 'ws' },
];
const maskers = [
  { name: 'millrace', who: 'millrace' },
  { name: 'bufferutil', who: 'bufferutil' },
];
const validators = [
  { name: 'millrace', who: 'millrace' },
  { name: 'utf-8-validate', who: 'utf-8-validate' },
  { name: 'buffer.isUtf8', who: 'buffer.isUtf8' },
];
const readers = [
  { name: 'millrace', who: 'millrace' },
  { name: 'buffer.isUtf8, toString', who: 'buffer.isUtf8' },
];

const texts = [64, 16 * KiB].flatMap((size) => ['ASCII', 'mixed'].map((text) => ({ size, text })));

const cases = [
  ...[64, 16 * KiB].map((size) => ({ name: `decode ${inBytes(size)}`, work: 'decode', size, more: '1', by: decoders })),
  { name: 'decode 64 KiB in 16 fragments', work: 'decode', size: 64 * KiB, more: '16', by: decoders },
  ...[64, 16 * KiB].map((size) => ({ name: `encode ${inBytes(size)}`, work: 'encode', size, more: '', by: encoders })),
  ...[64, 16 * KiB].map((size) => ({
    name: `encode ${inBytes(size)}, masked`,
    work: 'encode',
    size,
    more: 'masked',
    by: encoders,
  })),
  ...[64, KiB, 16 * KiB, MiB].map((size) => ({
    name: `mask ${inBytes(size)}`,
    work: 'mask',
    size,
    more: '',
    by: maskers,
  })),
  ...texts.map(({ size, text }) => ({
    name: `check a text of ${inBytes(size)}, ${text}`,
    work: 'validate',
    size,
    more: text,
    by: validators,
  })),
  ...texts.map(({ size, text }) => ({
    name: `make a string of a text of ${inBytes(size)}, ${text}`,
    work: 'text',
    size,
    more: text,
    by: readers,
  })),
];

/** @param {import('./support/measured-process.js').Kind} kind @returns {Promise<import('./support/contest.js').Work>} */
async function start(kind) {
  const measured = await MeasuredProcess.start(kind);
  const work = {
    perCount: 1,
    cpu: () => measured.cpu(),
    check: async () => {
      work.perCount = (await measured.ask('check')).batch;
    },
    run: (/** @type {number} */ count) => measured.ask('run', { count }),
    stop: () => measured.stop(),
  };
  return work;
}

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  for (const group of wanted.groups.filter((name) => name.startsWith('node'))) {
    for (const { name, work, size, more, by } of cases) {
      if (!isWanted(name, wanted.cases)) continue;
      const kinds = by.map(({ who, ...kind }) => {
        const args = [work, who, String(size), more];
        return { ...kind, runtime: /** @type {'node20' | 'node24'} */ (group), program: 'micro', args };
      });
      const contest = { section: 'micro', group, title: name, what: 'message', isSmall: true, kinds, start };
      yield await hold(contest, wanted);
    }
  }
}

await runAlone(import.meta.url, measure);
