// Connections of Deno's in pairs, over TCP, over TLS, and over a socket of the file system: ours, and the peer's.

import { mkdtempSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DenoConn, denoApi } from '../../../lib/adapter/deno-api.ts';
import { type Certificate, createCertificate } from '../../support/certificates.ts';

export interface Certificates {
  readonly authority: Certificate;
  /** For localhost and 127.0.0.1. */
  readonly server: Certificate;
  readonly client: Certificate;
}

let made: Promise<Certificates> | undefined;

export function certificates(): Promise<Certificates> {
  made ??= make();
  return made;
}

async function make(): Promise<Certificates> {
  const ca = await createCertificate('An authority', { isAuthority: true });
  const [server, client] = await Promise.all([
    createCertificate('localhost', { names: ['localhost'], addresses: ['127.0.0.1'], ca }),
    createCertificate('a client', { names: ['client'], ca }),
  ]);
  return { authority: ca, server, client };
}

/** A path that no file has yet. */
export function socketPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'millrace-')), 'socket');
}

export const kinds = ['TCP', 'TLS', 'a socket of the file system'] as const;
export type Kind = (typeof kinds)[number];

const open = new Set<DenoConn>();

/** Closes what a test has left, so that the process ends. */
export function closeAll(): void {
  for (const conn of open) {
    try {
      conn.close();
    } catch {
      // Closed already.
    }
  }
  open.clear();
}

/** Two ends of one connection. */
export async function pair(kind: Kind): Promise<[ours: DenoConn, peer: DenoConn]> {
  const ends = kind === 'TCP' ? await pairOfTcp() : kind === 'TLS' ? await pairOfTls() : await pairOfFiles();
  for (const end of ends) open.add(end);
  return ends;
}

async function pairOfTcp(): Promise<[DenoConn, DenoConn]> {
  const api = denoApi();
  const listener = api.listen({ hostname: '127.0.0.1', port: 0 });
  const { port = 0 } = listener.addr;
  const both = await Promise.all([listener.accept(), api.connect({ hostname: '127.0.0.1', port })]);
  listener.close();
  return both;
}

async function pairOfTls(): Promise<[DenoConn, DenoConn]> {
  const api = denoApi();
  const { authority, server } = await certificates();
  const listener = api.listenTls({ hostname: '127.0.0.1', port: 0, cert: server.cert, key: server.key });
  const { port = 0 } = listener.addr;
  const options = { hostname: '127.0.0.1', port, caCerts: [authority.cert] };
  const [ours, peer] = await Promise.all([listener.accept(), api.connectTls(options)]);
  await Promise.all([ours.handshake(), peer.handshake()]);
  listener.close();
  return [ours, peer];
}

async function pairOfFiles(): Promise<[DenoConn, DenoConn]> {
  const api = denoApi();
  const path = socketPath();
  const listener = api.listen({ transport: 'unix', path });
  const both = await Promise.all([listener.accept(), api.connect({ transport: 'unix', path })]);
  listener.close();
  return both;
}

/** Reads until the end, or until there are so many bytes. */
export async function readAll(conn: DenoConn, most: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < most) {
    const buffer = new Uint8Array(64 * 1024);
    const read = await conn.read(buffer);
    if (read === null) break;
    chunks.push(buffer.subarray(0, read));
    length += read;
  }
  return Buffer.concat(chunks);
}

export async function writeAll(conn: DenoConn, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.byteLength; ) from += await conn.write(bytes.subarray(from));
}

/** How many sockets this process has open; undefined where the system does not tell. */
export function countSockets(): number | undefined {
  let names: string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return undefined;
  }
  return names.filter((name) => isSocket(name)).length;
}

function isSocket(name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
  } catch {
    return false;
  }
}
