// The conversation: what was said, and what came back.

import { element } from './format.js';

/** More lines than that nobody scrolls back to. */
const MOST_LINES = 200;
/** Longer texts are cut where they are shown. */
const LONGEST = 4000;

export class Talk {
  #log = element('conversation');
  #input = /** @type {HTMLInputElement} */ (element('text'));

  /** @param {(text: string) => boolean} send Gives whether it was sent. */
  constructor(send) {
    // What scrolls can be reached by keyboard.
    this.#log.tabIndex = 0;
    element('say').addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#input.value;
      this.#input.focus();
      if (text === '') return;
      if (!send(text)) return this.note('Not sent: there is no connection. Reconnect first.');
      this.#add('mine', text, 'You: ');
      this.#input.value = '';
    });
  }

  /** @param {string} text What the server has sent back. */
  heard(text) {
    this.#add('theirs', text, 'The server: ');
  }

  /** @param {string} text */
  note(text) {
    this.#add('note', text, '');
  }

  /** @param {string} kind @param {string} text @param {string} speaker Said to who listens to the page. */
  #add(kind, text, speaker) {
    const log = this.#log;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.querySelector('.empty')?.remove();
    const line = document.createElement('p');
    line.className = `said ${kind}`;
    const who = document.createElement('span');
    who.className = 'hidden';
    who.textContent = speaker;
    // As text, never as markup: it may be anything.
    const words = document.createElement('span');
    words.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    line.append(who, words);
    log.append(line);
    while (log.childElementCount > MOST_LINES) log.firstElementChild?.remove();
    if (isAtEnd || kind === 'mine') log.scrollTop = log.scrollHeight;
  }
}
