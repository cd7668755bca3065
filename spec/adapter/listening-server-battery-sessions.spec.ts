// The battery of `serve` over a ListeningServer on sockets of node:net: sessions, from the first frame to the last.

import '../support/over-listening.ts';
import './node-server.spec.ts';
import './node-server-kinds.spec.ts';
import './node-server-pipe.spec.ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ListeningServer } from '../../lib/adapter/listening-server.ts';
import { startServer } from '../support/server.ts';

const test = suite('listening server · the battery of serve');

test('what stood before this ran over a ListeningServer', async () => {
  await using host = await startServer();
  assert.instance(host.server, ListeningServer);
});

test.run();
