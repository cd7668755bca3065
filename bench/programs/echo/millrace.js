// An echo server of millrace, on any runtime. Arguments: how the handler is written, and which adapter serves.

const [how = 'loop', adapter = 'node', ...rest] = process.argv.slice(2);

/** @type {Record<string, string>} */
const entries = { node: 'millrace/node', default: 'millrace', deno: 'millrace/deno', bun: 'millrace/bun' };
const { serve, permessageDeflate } = await import(entries[adapter] ?? adapter);

/** @type {Record<string, (session: any) => Promise<void>>} */
const handlers = {
  loop: async (session) => {
    for await (const message of session) await session.send(message);
  },
  streams: async (session) => {
    const writer = session.writable.getWriter();
    for await (const message of session.readable) {
      await writer.ready;
      void writer.write(message);
    }
    await writer.close();
  },
  pipe: (session) => session.readable.pipeTo(session.writable),
  through: (session) => session.readable.pipeThrough(new TransformStream()).pipeTo(session.writable),
  raw: async (session) => {
    for await (const { opcode, payload, fin } of session) {
      if (opcode === 8) return await session.close();
      await session.send({ opcode, payload, fin });
    }
  },
};

const options = {
  raw: how === 'raw',
  // Its keepalive is at work, as in all of these servers that have one, but pings nobody while others have their rounds: the load knows of no pings.
  limits: { maxMessageSize: 16 * 1024 * 1024, maxConnections: Number.POSITIVE_INFINITY, pingInterval: 900_000 },
  ...(rest.includes('deflate') ? { extensions: [permessageDeflate({ threshold: 0 })] } : undefined),
  userContext: { onError: () => {} },
};
const { port } = await serve(options, handlers[how]);
console.log(`ready ${port}`);
