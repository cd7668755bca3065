// What only ours can be asked: Chromium's own WebSocketStream crashes in the first, and waits in the second. One function without a word from outside.

import type { StreamClasses } from '../support/stream-scenarios.ts';

/** @param url A StreamServer (./stream-server.ts). */
export async function runAlone({ WebSocketStream }: StreamClasses, url: string): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  const MIB = 1024 * 1024;
  const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const ask = (what: string, id: string): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${url}/${what}?id=alone-${id}`);
      socket.onmessage = ({ data }) => {
        socket.close();
        resolve(JSON.parse(data));
      };
    });

  const stream = new WebSocketStream(`${url}/gate?id=alone-gate`);
  const writer = (await stream.opened).writable.getWriter();
  for (const promise of [writer.closed, writer.ready]) promise.catch(() => {});
  let begun = 0;
  // Each goes out when the one before it has room; what is begun when it is closed goes out.
  for (let isWaiting = false; !isWaiting && begun < 64; begun++) {
    const written = writer.write(new Uint8Array(MIB)).then(() => false);
    written.catch(() => {});
    isWaiting = await Promise.race([written, wait(400).then(() => true)]);
  }
  stream.close({ closeCode: 3500 });
  await ask('go', 'gate');
  await stream.closed;
  const { received, close } = await ask('seen', 'gate');
  told['close with writes that wait'] =
    `closed with ${String(close).trim()}, all was sent: ${begun < 64 && received === begun * MIB}`;

  const flooded = new WebSocketStream(`${url}/flood/12?id=alone-flood`, { maxQueued: 4 * MIB });
  const { readable } = await flooded.opened;
  const error = await flooded.closed.catch((reason: unknown) => reason);
  const reader = readable.getReader();
  let kept = 0;
  try {
    while (!(await reader.read()).done) kept++;
  } catch {}
  // Until the server has seen the close frame.
  let seen = await ask('seen', 'flood');
  for (let tries = 0; tries < 50 && seen['close'] === ''; tries++) {
    await wait(100);
    seen = await ask('seen', 'flood');
  }
  const { closeCode, cause } = error;
  // One is fetched ahead, and 64 bytes beside each count.
  told['too much unread'] = `close code ${closeCode}, ${cause?.code}, ${seen['close']}, kept: ${kept === 4}`;
  return told;
}
