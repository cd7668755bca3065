// Programs of Node beside the specs in Deno: NODE says where it is, otherwise the PATH.

import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until, within } from '../../support/until.ts';

const peer = fileURLToPath(new URL('ws-peer.js', import.meta.url));
const children = new Set<ChildProcess>();

function start(mode: string, options: object): { child: ChildProcess; lines: string[]; ended: Promise<void> } {
  const child = spawn(process.env['NODE'] ?? 'node', [peer, mode, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  reader.on('line', (line) => lines.push(line));
  const ended = new Promise<void>((resolve) => reader.once('close', resolve));
  return { child, lines, ended };
}

/** Ends all that were started. */
export function endChildren(): void {
  for (const child of children) child.kill();
  children.clear();
}

export interface WsServer {
  readonly port: number;
  /** What it has printed. */
  readonly lines: readonly string[];
  stop(): void;
}

/** An echo server of `ws`. */
export async function serveWs(options: object = {}): Promise<WsServer> {
  const { child, lines } = start('serve', options);
  await until(() => lines.some((line) => line.startsWith('port ')), 'the server of ws listens');
  const port = Number(/^port (\d+)$/.exec(lines[0] ?? '')?.[1]);
  return { port, lines, stop: () => child.kill() };
}

export interface WsReport {
  readonly received: number;
  readonly extensions: string;
  readonly code?: number;
  readonly reason?: string;
  readonly isEqual?: boolean;
  readonly status?: number;
  readonly error?: string;
}

/** A client of `ws` that sends, and reads the echoes. */
export async function connectWs(options: object): Promise<WsReport> {
  const { lines, ended } = start('connect', options);
  await within(ended, 'the end of a client of ws');
  return JSON.parse(lines[0] ?? '{}') as WsReport;
}
