// An echo server of one library, in a process of its own: millrace or `ws`, with the same settings of permessage-deflate, or without it.

import { retained } from '../support/memory.js';
import { answer } from '../support/process.js';

// Of `ws` what it is without its native add-on, should there be one.
process.env.WS_NO_BUFFER_UTIL = '1';

/** @type {Record<string, (options: any) => Promise<number>>} Each gives the port. */
const libraries = {
  millrace: async ({ deflate, maxContexts }) => {
    const { permessageDeflate, serve } = await import('millrace');
    const settings = { threshold: 0, level: 6, memoryLevel: 8, windowBits: 15, ...(maxContexts && { maxContexts }) };
    const extensions = deflate ? [permessageDeflate(settings)] : [];
    const { port } = await serve({ extensions, userContext: { onError: () => {} } }, async (session) => {
      for await (const message of session) await session.send(message);
    });
    return port;
  },
  ws: async ({ deflate }) => {
    const { WebSocketServer } = await import('ws');
    const perMessageDeflate = deflate && { threshold: 0, zlibDeflateOptions: { level: 6, memLevel: 8 } };
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await new Promise((resolve) => server.once('listening', resolve));
    return server.address().port;
  },
};

answer({
  start: async ({ library, ...options }) => ({
    port: await libraries[library]({ ...options, maxContexts: options.maxContexts === 'all' ? Infinity : undefined }),
  }),
  // Of all its threads, in microseconds.
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system };
  },
  // Behind the collections: what is garbage then belongs to nobody.
  memory: async () => ({ retained: await retained(), resident: process.memoryUsage.rss() }),
});
