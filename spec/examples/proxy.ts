// A proxy: each session is piped to one of another server and back, messages of any length as they come, with backpressure from end to end.

import process from 'node:process';
import { connect, HandshakeError, Refusal, type Session, type StreamedMessage, serve } from '../../lib/index.ts'; // from 'millrace'

type Streamed<C = undefined> = Session<C, StreamedMessage>;

const target = process.env['TARGET'] ?? 'ws://127.0.0.1:9000';

const server = await serve(
  {
    port: Number(process.env['PORT'] ?? 8080),
    messages: 'streamed',
    // Connects before the client is answered: what the other server refuses is refused here.
    admit: async ({ url, headers }, { signal }): Promise<Streamed | Refusal> => {
      const authorization = headers.get('authorization');
      const passed = authorization === undefined ? {} : { Authorization: authorization };
      try {
        return await connect(target + url, { messages: 'streamed', headers: passed, signal });
      } catch (error) {
        if (!(error instanceof HandshakeError)) throw error;
        const status = error.status >= 400 ? error.status : 502;
        return new Refusal(status, { body: new TextDecoder().decode(error.body) });
      }
    },
  },
  async (session) => {
    await Promise.all([pass(session, session.context), pass(session.context, session)]);
  },
);
console.log(`listening on ${server.url}`);

/** Passes on the messages, and then how it ended. */
async function pass(from: Streamed<unknown>, to: Streamed<unknown>): Promise<void> {
  await from.readable
    .pipeTo(to.writable as WritableStream<StreamedMessage>, { preventClose: true, preventAbort: true })
    .catch(() => {});
  const close = await from.closeReceived;
  if (close === undefined) await to.close(1011, 'The other side was lost');
  else if (close.closeCode === 1005) await to.close(null);
  else await to.close(close.closeCode, close.reason);
}

process.once('SIGINT', () => server.stop()).once('SIGTERM', () => server.stop());
