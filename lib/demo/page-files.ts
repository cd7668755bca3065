// The files of the page: plain modules, served as they stand in the repository. A fixed list of names, so that no path of a request ever
// reaches the file system.

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

// The folder as seen from this file, and as far from `dist/demo/main.js`.
const folder = new URL('../../lib/demo/page/', import.meta.url);

const types = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

export const pageFiles: readonly string[] = [
  'index.html',
  'icon.svg',
  'look.css',
  'page.css',
  'room.css',
  'main.js',
  'connection.js',
  'flood.js',
  'format.js',
  'frames.js',
  'queues.js',
  'talk.js',
];

const headers = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

/** Serves the page. */
export class PageFiles {
  readonly #files = new Map<string, PageFile>();

  constructor() {
    for (const name of pageFiles) this.#files.set(`/${name}`, readPageFile(name));
    this.#files.set('/', this.#files.get('/index.html') as PageFile);
  }

  /** Answers a request for one of the files. Gives the status, or undefined when it is none of them and was not answered. */
  answer(request: IncomingMessage, response: ServerResponse): number | undefined {
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    const { method } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { ...headers, Allow: 'GET, HEAD' }).end();
      return 405;
    }
    response.writeHead(200, { ...headers, 'Content-Type': file.type, 'Content-Length': file.body.byteLength });
    response.end(method === 'HEAD' ? undefined : file.body);
    return 200;
  }
}

function readPageFile(name: string): PageFile {
  const ending = name.slice(name.lastIndexOf('.') + 1) as keyof typeof types;
  return { type: types[ending], body: readFileSync(new URL(name, folder)) };
}
