// A server whose handlers are pipes, and how its pipes settle.

import type { Session } from '../../lib/job/session.ts';
import { startServer, type TestServer } from './server.ts';

/** How the pipes of the sessions have settled, in order. */
export type Outcomes = ('fulfilled' | unknown)[];

/** A server whose handler is a pipe, and how its pipes settled. */
export async function startPipe(
  pipe: (session: Session) => Promise<void>,
  closeTimeout = 5000,
): Promise<{ host: TestServer; outcomes: Outcomes }> {
  const outcomes: Outcomes = [];
  const host = await startServer(
    (session) => {
      const piped = pipe(session);
      piped.then(
        () => outcomes.push('fulfilled'),
        (error) => outcomes.push(error),
      );
      return piped;
    },
    { limits: { closeTimeout } },
  );
  return { host, outcomes };
}
