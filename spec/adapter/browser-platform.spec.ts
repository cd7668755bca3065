import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { choosePlatformClasses, WebSocketError, WebSocketStream } from '../../lib/adapter/browser-platform.ts';
import { WebSocketStream as OurStream } from '../../lib/adapter/browser-web-socket-stream.ts';
import { WebSocketError as OurError } from '../../lib/client/web-socket-error.ts';

const test = suite('browser · the classes of the platform');

test('both of the platform, where it has both', () => {
  const platform = { WebSocketStream: class extends OurStream {}, WebSocketError: class extends OurError {} };
  assert.equal(choosePlatformClasses(platform), platform);
});

test('both of ours where it lacks one of them, or has something else by that name', () => {
  const ours = { WebSocketStream: OurStream, WebSocketError: OurError };
  const own = class extends OurStream {};
  for (const platform of [
    {},
    { WebSocketStream: own },
    { WebSocketError: OurError },
    { WebSocketStream: own, WebSocketError: {} },
  ])
    assert.equal(choosePlatformClasses(platform as never), ours);
});

test('here, where the platform has none, they are ours', () => {
  assert.is(WebSocketStream, OurStream);
  assert.is(WebSocketError, OurError);
});

test.run();
