// The ways in which an echo of millrace is written.

/** @type {Record<string, (session: any) => Promise<void>>} */
export const handlers = {
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
