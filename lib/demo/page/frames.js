// The table of frames, newest first. Bounded: what a person could not read anyway is a number.

import { bytes, clock, count, element } from './format.js';

/** @typedef {import('./connection.js').Row} Row */

const MOST_ROWS = 120;

export class Frames {
  #body = element('rows');
  #hint = element('no-rows');
  #pause = element('pause');
  #isPaused = false;
  #missed = { frames: 0, bytes: 0 };

  constructor() {
    // What scrolls can be reached by keyboard.
    element('scroll').tabIndex = 0;
    this.#pause.addEventListener('click', () => this.#toggle());
    element('clear').addEventListener('click', () => {
      this.#body.replaceChildren();
      this.#hint.hidden = false;
    });
  }

  /** @param {readonly Row[]} rows In the order in which they went by. */
  add(rows) {
    if (this.#isPaused) {
      for (const row of rows) {
        this.#missed.frames += row.frames ?? 1;
        this.#missed.bytes += row.bytes ?? row.length;
      }
      this.#pause.textContent = `Go on (${this.#missed.frames.toLocaleString('en-US')} missed)`;
      return;
    }
    const fragment = document.createDocumentFragment();
    for (const row of rows) fragment.prepend(row.frames === undefined ? frameRow(row) : skippedRow(row));
    this.#joinSkipped(fragment);
    this.#body.prepend(fragment);
    while (this.#body.childElementCount > MOST_ROWS) this.#body.lastElementChild?.remove();
    this.#hint.hidden = true;
  }

  /**
   * Numbers side by side are one.
   *
   * @param {DocumentFragment} fragment What comes on top.
   */
  #joinSkipped(fragment) {
    const above = /** @type {HTMLElement | null} */ (fragment.lastElementChild);
    const below = /** @type {HTMLElement | null} */ (this.#body.firstElementChild);
    if (above?.className !== 'skipped' || below?.className !== 'skipped') return;
    const sum = (/** @type {string} */ name) => Number(above.dataset[name]) + Number(below.dataset[name]);
    above.replaceWith(skippedRow({ frames: sum('frames'), bytes: sum('bytes') }));
    below.remove();
  }

  #toggle() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    this.#pause.textContent = this.#isPaused ? 'Go on' : 'Pause';
    if (this.#isPaused || this.#missed.frames === 0) return;
    this.#body.prepend(skippedRow(this.#missed));
    this.#missed = { frames: 0, bytes: 0 };
  }
}

/** @param {Row} row */
function frameRow(row) {
  const { at, direction, opcode, name, fin, isMasked, length, preview } = row;
  const line = document.createElement('tr');
  line.className = `${direction} ${opcode >= 8 ? 'control' : 'data'}`;
  line.setAttribute('role', 'row');
  line.append(
    cell('time', clock(new Date(at))),
    cell('direction', direction === 'to-server' ? '→ server' : '← you'),
    cell('opcode', `${name} ${opcode.toString(16).toUpperCase()}`),
    cell('number', length.toLocaleString('en-US')),
    cell(fin ? 'fin' : 'fin absent', fin ? 'fin' : 'no'),
    cell(isMasked ? 'masked' : 'masked absent', isMasked ? 'masked' : 'no'),
    cell('payload', preview),
  );
  return line;
}

/** @param {{ frames?: number, bytes?: number }} row */
function skippedRow({ frames = 0, bytes: size = 0 }) {
  const line = document.createElement('tr');
  line.className = 'skipped';
  line.setAttribute('role', 'row');
  line.dataset['frames'] = String(frames);
  line.dataset['bytes'] = String(size);
  const only = cell('more', `… ${count(frames, 'more frame')}, ${bytes(size)}`);
  only.colSpan = 7;
  line.append(only);
  return line;
}

/** @param {string} name @param {string} text Put in as text: a peer has chosen it. */
function cell(name, text) {
  const it = document.createElement('td');
  it.className = name;
  it.textContent = text;
  // On a phone the table is no table to the eye; to a screen reader it stays one.
  it.setAttribute('role', 'cell');
  return it;
}
