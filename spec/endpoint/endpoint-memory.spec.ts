// What a peer can make an endpoint keep, and what an endpoint costs that does nothing.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Slab } from '../../lib/bytes/output-queue.ts';
import type { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { makeEndpoint, seeEvent, takeAll } from '../support/deliver.ts';
import { KiB, MiB, retainedBy } from '../support/deliver-drip.ts';
import { wireHeaderTo, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { sized } from '../support/sized.ts';

const test = suite('endpoint · memory, RFC 6455 §10.4');

const roles: readonly Role[] = ['server', 'client'];
const dripped = sized(MiB / 4, MiB);

for (const role of roles) {
  test(`${role} keeps a message of ${dripped / KiB} KiB that comes byte by byte in less than four times its bytes, and gives it whole`, () => {
    const payload = new Uint8Array(dripped).fill(0x61);
    const bytes = wireTo(role, { opcode: 1, payload });
    let endpoint: Endpoint | undefined;
    const retained = retainedBy(() => {
      endpoint = makeEndpoint({ role });
      for (let index = 0; index < bytes.byteLength - 1; index++) endpoint.receive(bytes.slice(index, index + 1), true);
      return endpoint;
    });
    assert.is(endpoint?.retained, dripped - 1);
    assert.ok(retained < 4 * dripped, `${retained} bytes are kept`);
    const [event] = endpoint?.receive(bytes.slice(-1), true) ?? [];
    assert.ok(event?.type === 'message' && event.message === 'a'.repeat(dripped));
    assert.is(endpoint?.retained, 0);
  });

  test(`${role} keeps 4,096 fragments of one byte in little, and fails with 1009 at the next`, () => {
    const start = wireTo(role, { opcode: 1, fin: false, payload: 'a' });
    const more = wireTo(role, { opcode: 0, fin: false, payload: 'a' });
    let endpoints: Endpoint[] = [];
    const retained = retainedBy(() => {
      endpoints = Array.from({ length: 50 }, () => makeEndpoint({ role }));
      for (const endpoint of endpoints) {
        endpoint.receive(start);
        for (let count = 2; count <= 4096; count++) endpoint.receive(more);
      }
      return endpoints;
    });
    assert.ok(retained < 50 * 32 * KiB, `${retained} bytes are kept by 50`);
    const [endpoint] = endpoints;
    assert.equal([endpoint?.retained, endpoint?.state], [4096, 'open']);
    const [event] = endpoint?.receive(wireHeaderTo(role, { opcode: 0, fin: false, declared: 1 })) ?? [];
    assert.ok(event !== undefined);
    const seen = seeEvent(event);
    assert.equal(seen.type === 'fault' && [seen.fault.code, seen.fault.closeCode], ['ERR_WS_TOO_MANY_FRAGMENTS', 1009]);
    assert.is(endpoint?.retained, 0);
  });

  test(`${role} fails with 1009 at the 4,097th empty fragment`, () => {
    const endpoint = makeEndpoint({ role });
    const empty = wireTo(role, { opcode: 0, fin: false });
    endpoint.receive(wireTo(role, { opcode: 2, fin: false }));
    endpoint.receive(join(...Array.from({ length: 4095 }, () => empty)));
    assert.is(endpoint.state, 'open');
    endpoint.receive(empty);
    assert.is(endpoint.state, 'failed');
    assert.is(endpoint.sent?.closeCode, 1009);
  });

  test(`${role} allocates nothing for a frame of 1 GiB before its bytes have come`, () => {
    const limits = { maxMessageSize: 2 ** 31, maxFrameSize: 2 ** 31 };
    const endpoints = Array.from({ length: 64 }, () => makeEndpoint({ role, limits }));
    const header = wireHeaderTo(role, { opcode: 2, declared: 2 ** 30 });
    const before = process.memoryUsage().arrayBuffers;
    for (const endpoint of endpoints) endpoint.receive(header.slice());
    assert.ok(process.memoryUsage().arrayBuffers - before < MiB);
    assert.ok(endpoints.every(({ state, retained }) => state === 'open' && retained === 0));
  });

  test(`${role} keeps nothing of the chunks it has received when it is idle`, () => {
    const endpoints = Array.from({ length: 100 }, () => makeEndpoint({ role }));
    const bytes = wireTo(role, { opcode: 2, payload: new Uint8Array(60 * KiB) });
    const retained = retainedBy(() => {
      for (const endpoint of endpoints) {
        endpoint.receive(bytes.slice(), true, bytes.byteLength);
        while (endpoint.hasUnread) endpoint.resume();
      }
      return endpoints;
    });
    assert.ok(retained < 2 * MiB, `${retained} bytes are kept by 100 endpoints`);
  });

  test(`${role} keeps nothing of a message that was dropped with its connection`, () => {
    for (const end of [
      (endpoint: Endpoint) => endpoint.receiveEnd(),
      (endpoint: Endpoint) => endpoint.fail(1011, ''),
    ]) {
      const retained = retainedBy(() => {
        const endpoint = makeEndpoint({ role, slab: new Slab() });
        endpoint.receive(wireTo(role, { opcode: 2, fin: false, payload: new Uint8Array(MiB) }));
        end(endpoint);
        return endpoint;
      });
      assert.ok(retained < MiB / 2, `${retained} bytes are kept`);
    }
  });

  test(`${role} costs less than 3 KiB while it does nothing`, () => {
    const slab = new Slab();
    makeEndpoint({ role, slab }).send('warm up');
    const retained = retainedBy(() => Array.from({ length: 1000 }, () => makeEndpoint({ role, slab })));
    assert.ok(retained < 3 * MiB, `${retained} bytes are kept by 1,000`);
  });

  test(`${role} keeps nothing of what it has sent when that was taken`, () => {
    const slab = new Slab();
    const endpoints = Array.from({ length: 100 }, () => makeEndpoint({ role, slab }));
    const retained = retainedBy(() => {
      for (const endpoint of endpoints) {
        for (let count = 0; count < 100; count++) endpoint.send('x'.repeat(1000));
        endpoint.send(new Uint8Array(100 * KiB));
        takeAll(endpoint);
      }
      return endpoints;
    });
    assert.ok(retained < 2 * MiB, `${retained} bytes are kept by 100 endpoints`);
  });
}

test.run();
