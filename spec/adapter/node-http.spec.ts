import * as http from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { http as loaded } from '../../lib/adapter/node-http.ts';

const test = suite('node-http');

test('it is the module that everybody has', () => {
  assert.is(loaded.createServer, http.createServer);
  assert.is(loaded.ServerResponse, http.ServerResponse);
});

test.run();
