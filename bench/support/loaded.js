// A server under a load that has a process and a core of its own: what most measurements measure.

import { LOAD_CORE, MeasuredProcess, pinned } from './measured-process.js';
import { Program } from './process.js';

/**
 * @param {import('./measured-process.js').Kind} kind
 * @param {string} load A program that answers `check` and `run`.
 * @param {object} options What it is started with, but for the port.
 * @param {{ perCount?: number; most?: number }} [counts]
 * @returns {Promise<import('./contest.js').Work>}
 */
export async function loaded(kind, load, options, counts) {
  const server = await MeasuredProcess.start(kind);
  try {
    const { program } = await Program.start(load, { ...options, port: server.port }, pinned(LOAD_CORE, []));
    return {
      ...counts,
      cpu: () => server.cpu(),
      check: () => program.ask('check'),
      run: (count) => program.ask('run', { count }),
      stop: async () => {
        await program.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
