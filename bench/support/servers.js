// The servers that stand beside each other, by what they do: how each runtime and each rival is started.

/** @typedef {import('./measured-process.js').Kind} Kind */

const withoutAddOns = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

/**
 * @param {Kind['runtime']} runtime
 * @param {string} [how] How its handler is written: one of echo/millrace.js.
 * @param {string} [adapter] 'own': the one that is made for the runtime.
 * @returns {Omit<Kind, 'name'>}
 */
export function millrace(runtime, how = 'loop', adapter = 'own') {
  return { runtime, program: 'echo/millrace', args: [how, adapter] };
}

/** @param {Kind['runtime']} runtime @returns {Kind} */
export function wsWithAddOns(runtime) {
  return { name: 'ws with add-ons', runtime, program: 'echo/ws' };
}

/** @param {Kind['runtime']} runtime @returns {Kind} */
export function ws(runtime) {
  return { name: 'ws', runtime, program: 'echo/ws', env: withoutAddOns };
}

/** Its binaries are for Node 20 alone. @param {Kind['runtime']} beside The runtime of those beside it. @returns {Kind} */
export function uws(beside) {
  const name = `uWebSockets.js${beside === 'node20' ? '' : ' (Node 20)'}`;
  return { name, runtime: 'node20', program: 'echo/uws' };
}

/** Bun and Deno have sockets of their own: `node:net` costs more there. @type {Partial<Record<Kind['runtime'], string>>} */
const ownSockets = { bun: 'echo/tcp-bun', deno: 'echo/tcp-deno' };

/** @param {Kind['runtime']} runtime @param {number} size Of a message. @param {boolean} [isText] @returns {Kind} */
export function bareTcp(runtime, size, isText) {
  const program = ownSockets[runtime] ?? 'echo/tcp';
  return { name: 'bare TCP', runtime, program, args: [String(size), ...(isText ? ['text'] : [])] };
}

/** @type {Kind} */
export const bunServe = { name: 'Bun.serve', runtime: 'bun', program: 'echo/bun' };

/** @type {Kind} */
export const denoUpgrade = { name: 'Deno.upgradeWebSocket', runtime: 'deno', program: 'echo/deno' };
