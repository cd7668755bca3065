import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clients } from '../../lib/demo/clients.ts';
import { Printer } from '../../lib/demo/print.ts';
import { TappedServer } from '../../lib/demo/tapped-server.ts';
import { Visits } from '../../lib/demo/visits.ts';
import { within } from '../support/until.ts';

const test = suite('clients');

for (const { name, talk } of clients) {
  test(`${name} says what it sends and what comes back, and ends well`, async () => {
    const lines: string[] = [];
    const printer = new Printer({ write: (line) => lines.push(line), hasColours: false });
    const visits = new Visits([name]);
    const server = new TappedServer({ printer, guestOf: (request) => visits.guestOf(request) });
    const url = `ws://127.0.0.1:${await server.listen()}/${name}`;
    const said: string[] = [];
    await within(
      talk(url, (text) => said.push(text)),
      'the end of the talk',
    );
    await within(server.quiet(), 'the end of the job');
    assert.match(said[0] as string, /^sends "/);
    assert.ok(
      said.some((text) => /^receives "[^a-z]+"$/.test(text)),
      said.join('\n'),
    );
    assert.match(said.at(-1) as string, /^closes with /);
    assert.match(lines.at(-1) as string, /job completed: clean, by the client/);
    assert.is(await server.stop(), 0);
  });

  test(`${name} rejects when there is no server`, async () => {
    const server = new TappedServer({
      printer: new Printer({ write() {}, hasColours: false }),
      guestOf: () => ({ name, handler() {} }),
    });
    const port = await server.listen();
    await server.stop();
    const failure = talk(`ws://127.0.0.1:${port}/`, () => {}).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(await within(failure, 'a failure'));
  });
}

test.run();
