// The behaviour that every adapter has, on whatever host it runs.

import { testClosing } from './closing.ts';
import { testFlow } from './flow.ts';
import { testHandshake } from './handshake.ts';
import type { Host } from './host.ts';
import { testLife } from './life.ts';
import { testMessages } from './messages.ts';

export function runBattery(host: Host): void {
  testMessages(host);
  if (host.hasSockets) testHandshake(host);
  testClosing(host);
  testFlow(host);
  testLife(host);
}
