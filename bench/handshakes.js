// What an opening handshake costs a server, with the connection that it is on and the closing handshake. About three minutes.

import { isWanted, runAlone } from './support/alone.js';
import { hold } from './support/contest.js';
import { loaded } from './support/loaded.js';
import { bunServe, denoUpgrade, millrace, uws, ws } from './support/servers.js';

export const title = 'Handshakes';
export const about = `A TCP connection is made, upgraded by a request as a browser sends it, closed by close frames of both sides, and ended: 64 of them at any time.
A figure is the CPU time of the server's process for all of this. The answer's status and its \`Sec-WebSocket-Accept\` are compared each time. \`node:http\` is a server whose \`'upgrade'\` listener
writes the answer, and the close frame, and does nothing else.`;

const CONCURRENT = 64;
/** A handshake runs much code, once: it takes thousands of them until all of that is compiled. In seconds. */
const WARM_UP = { cpu: 6, clock: 15 };
const TITLE = `open, close, end, ${CONCURRENT} at a time`;

/** @type {(runtime: import('./support/measured-process.js').Kind['runtime']) => import('./support/measured-process.js').Kind} */
const bareHttp = (runtime) => ({ name: 'node:http by hand', runtime, program: 'upgrade' });

/** @type {Record<string, import('./support/measured-process.js').Kind[]>} */
const groups = {
  node24: [{ name: 'millrace', ...millrace('node24') }, ws('node24'), uws('node24'), bareHttp('node24')],
  node20: [{ name: 'millrace', ...millrace('node20') }, ws('node20'), uws('node20'), bareHttp('node20')],
  bun: [{ name: 'millrace', ...millrace('bun') }, bunServe],
  deno: [{ name: 'millrace', ...millrace('deno') }, denoUpgrade],
};

/** @type {import('./support/alone.js').Measure} */
export async function* measure(wanted) {
  if (!isWanted(TITLE, wanted.cases)) return;
  for (const group of wanted.groups) {
    const contest = {
      section: 'handshakes',
      group,
      title: TITLE,
      what: 'handshake',
      warmUp: WARM_UP,
      kinds: groups[group] ?? [],
      start: (kind) => loaded(kind, 'handshakes', { concurrent: CONCURRENT }),
    };
    yield await hold(contest, wanted);
  }
}

await runAlone(import.meta.url, measure);
