// Joins the parts of the page.

import { Connection } from './connection.js';
import { Flood } from './flood.js';
import { bytes, element, isOff, setOff } from './format.js';
import { Frames } from './frames.js';
import { Queues } from './queues.js';
import { Talk } from './talk.js';

/** Bytes a second for each step of the slider; null is as fast as it can. */
const speeds = [0, 16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024, null];

/** What the transforms are called in code. @type {Record<string, string>} */
const functions = { upper: 'upperCase', reverse: 'reverse', rot13: 'rot13', none: 'unchanged' };

/** What is known of close codes, RFC 6455 §7.4.1. @type {Record<number, string>} */
const meanings = {
  1000: 'all is done',
  1001: 'the server is going away',
  1002: 'a fault in the protocol',
  1005: 'no code was given',
  1006: 'it broke, without a close frame',
  1009: 'a message was too big',
  1011: 'the server has failed',
};

const select = /** @type {HTMLSelectElement} */ (element('transform'));
const speed = /** @type {HTMLInputElement} */ (element('speed'));
const state = element('state');
const ending = ['close', 'close-server', 'drop', 'ping'].map((id) => element(id));

const connection = new Connection({
  state: showState,
  message(data) {
    if (typeof data === 'string') talk.heard(data);
    queues.refresh();
  },
  told,
});
const queues = new Queues(connection);
const frames = new Frames();
const flood = new Flood(connection);
const talk = new Talk((text) => {
  if (!connection.isOpen) return false;
  connection.send(text);
  queues.refresh();
  return true;
});

/** @param {import('./connection.js').State} now */
function showState(now) {
  state.dataset['state'] = now.name;
  state.textContent = describeState(now);
  const isOpen = now.name === 'open';
  for (const button of ending) setOff(button, button.id === 'drop' ? now.name === 'closed' : !isOpen);
  setOff(element('reconnect'), now.name !== 'closed');
  flood.refresh();
  if (isOpen) queues.reset();
  // The server's word may come before the browser's: it stays until the next connection.
  if (isOpen) element('server-verdict').textContent = '';
  element('verdict').textContent = now.name === 'closed' ? `${describeState(now)}.` : '';
  if (now.name === 'closed') talk.note(`The connection is closed: ${now.code}.`);
  queues.refresh();
}

/** @param {import('./connection.js').State} now */
function describeState(now) {
  if (now.name === 'connecting') return 'Connecting';
  if (now.name === 'open') return 'Open';
  if (now.name === 'closing') return 'Closing: the close frame waits its turn';
  const reason = now.reason === '' ? '' : ` “${now.reason}”`;
  return `Closed with ${now.code}${reason}: ${meanings[now.code] ?? meaningOf(now.code)}`;
}

// RFC 6455 §7.4.2.
/** @param {number} code */
function meaningOf(code) {
  if (code >= 4000) return 'a code of this application';
  return code >= 3000 ? 'a code of some library' : 'a code of the protocol';
}

/** @param {any} message What the server tells of the connection. */
function told(message) {
  switch (message.type) {
    case 'hello':
      queues.setLimits(message);
      // The page's controls are what holds: a new visit begins with other settings, a reloaded page with what the browser has kept.
      setTransform();
      setSpeed();
      break;
    case 'settings':
      showSettings(message);
      break;
    case 'batch':
      if (message.frames) frames.add(message.frames);
      if (message.gauges) queues.update(message.gauges);
      if (message.end) showEnd(message.end);
      break;
    case 'pong':
      element('round-trip').textContent = `There and back in ${message.roundTrip.toFixed(1)} ms.`;
      break;
  }
}

/** @param {{ transform: string, bytesPerSecond: number | null }} settings As the server has them now. */
function showSettings({ transform, bytesPerSecond }) {
  element('code-transform').textContent = functions[transform] ?? transform;
  const text = describeSpeed(bytesPerSecond);
  element('speed-text').textContent = text;
  element('speed-text').dataset['confirmed'] = String(bytesPerSecond);
}

/** @param {number | null | undefined} bytesPerSecond */
function describeSpeed(bytesPerSecond) {
  if (bytesPerSecond === null || bytesPerSecond === undefined) return 'As fast as it can';
  return bytesPerSecond === 0 ? 'It stands still' : `${bytes(bytesPerSecond)} a second`;
}

/** @param {import('./connection.js').End} end */
function showEnd({ state: jobState, wasClean, initiator }) {
  const side = initiator === 'remote' ? 'this page' : 'the server';
  const close = wasClean ? `the close was clean and began with ${side}` : 'there was no clean close';
  element('server-verdict').textContent = `The server’s word on it: the job has ${jobState}, ${close}.`;
}

function setTransform() {
  connection.command({ type: 'transform', name: select.value });
}

function setSpeed() {
  const bytesPerSecond = speeds[Number(speed.value)];
  speed.setAttribute('aria-valuetext', describeSpeed(bytesPerSecond));
  connection.command({ type: 'speed', bytesPerSecond });
}

function closeArguments() {
  const code = Number(/** @type {HTMLSelectElement} */ (element('close-code')).value);
  return { code, reason: /** @type {HTMLInputElement} */ (element('reason')).value };
}

/** @param {string} id @param {() => void} action */
function onPress(id, action) {
  const button = element(id);
  button.addEventListener('click', () => {
    if (!isOff(button)) action();
  });
}

select.addEventListener('change', setTransform);
speed.addEventListener('input', setSpeed);
onPress('close', () => {
  const { code, reason } = closeArguments();
  connection.close(code, reason);
});
onPress('close-server', () => connection.command({ type: 'close', ...closeArguments() }));
onPress('drop', () => connection.command({ type: 'drop' }));
onPress('ping', () => {
  element('round-trip').textContent = 'Waiting for the pong …';
  connection.command({ type: 'ping' });
});
onPress('reconnect', () => void connection.open());
// The flood moves bytes before any gauge tells of it.
element('flood').addEventListener('click', () => queues.refresh());

void connection.open();
