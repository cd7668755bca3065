// What a measurement gives: one case, and who stood beside each other in it.

/**
 * @typedef {object} Entry
 * @property {string} name As the tables and charts have it: "millrace", "ws with add-ons", "uWebSockets.js" …
 * @property {number[]} values One of each round.
 * @property {Record<string, number[]>} [beside] Other figures of the same rounds, by their headings ("messages a second").
 * @property {string} [missing] Why there are no values: it is not installed, or does not run on this machine.
 *
 * @typedef {object} Result
 * @property {string} section The measurement: "echo", "handshakes", "idle-memory", "growth", "client", "broadcast", "micro".
 * @property {string} group Who stands beside each other: "node24", "node20", "bun", "deno".
 * @property {string} title The case: "64 B, 16 in flight, 64 connections".
 * @property {string} unit "us of CPU a message", "KiB a connection" …: less is better, always.
 * @property {Entry[]} entries The first is the one that the others are compared with (millrace).
 */

export {};
