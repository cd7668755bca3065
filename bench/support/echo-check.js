// Every echo of every server, byte for byte: each server is started once, and each of its cases sends a few messages over all of its connections.

import { casesOf } from '../echo.js';
import { EchoConnection } from './echo-connection.js';
import { EchoFixture } from './echo-fixture.js';
import { MeasuredProcess } from './measured-process.js';
import { openMany, upgraded } from './upgraded.js';

/** In this time an echo is back, or never. */
const LIMIT = 30_000;

/** @typedef {import('./measured-process.js').Kind} Kind */

/** The servers of a group, each with all of its cases. @param {string} group */
function serversOf(group) {
  /** @type {Map<string, { kind: Kind, cases: { title: string, load: any }[] }>} */
  const servers = new Map();
  for (const { title, load, kinds } of casesOf(group)) {
    for (const kind of kinds) {
      const key = JSON.stringify(kind);
      const server = servers.get(key) ?? { kind, cases: [] };
      servers.set(key, server);
      server.cases.push({ title, load });
    }
  }
  return [...servers.values()];
}

/** @param {number} port @param {{ size: number, inFlight: number, connections: number, isText: boolean }} load */
async function checkCase(port, load) {
  const fixture = new EchoFixture(load);
  /** @type {EchoConnection[]} */
  const connections = [];
  const timer = setTimeout(() => {
    for (const each of connections) each.fail(new Error('No echo has come'));
  }, LIMIT);
  try {
    await openMany(load.connections, async () => {
      connections.push(new EchoConnection(await upgraded(port), fixture));
    });
    // All that are in flight, and some when the first are back.
    await Promise.all(connections.map((each) => each.run(load.inFlight + 3, true)));
  } finally {
    clearTimeout(timer);
    for (const each of connections) each.close();
  }
}

/**
 * @typedef {object} Checked
 * @property {string} name
 * @property {string} [fault] What was wrong.
 * @property {string} [missing] Why it was not checked.
 */

/** @param {string} group @returns {AsyncGenerator<Checked>} */
export async function* checkEchoes(group) {
  for (const { kind, cases } of serversOf(group)) {
    const name = `${group}: ${kind.name}`;
    /** @type {MeasuredProcess | undefined} */
    let server;
    try {
      server = await MeasuredProcess.start(kind);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      yield kind.name.startsWith('millrace') ? { name, fault: reason } : { name, missing: reason };
      continue;
    }
    for (const { title, load } of cases) {
      const fault = await checkCase(server.port, load).then(
        () => undefined,
        (error) => String(error?.message ?? error),
      );
      yield { name: `${name}: ${title}`, ...(fault === undefined ? undefined : { fault }) };
    }
    await server.stop();
  }
}
