// Numbers as a person reads them.

const units = ['B', 'KiB', 'MiB', 'GiB'];

/**
 * Bytes in the unit that fits: `640 B`, `128 KiB`, `1.5 MiB`.
 *
 * @param {number} count
 */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * How many there are, and of what.
 *
 * @param {number} number
 * @param {string} one
 */
export function count(number, one) {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : `${one}s`}`;
}

/**
 * The time of day to the millisecond.
 *
 * @param {Date} date
 */
export function clock(date) {
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/**
 * The element with this id: it is there, or the page is broken.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`There is no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * Marks a button as of no use now. It keeps its place in the tab order, and its listener asks {@link isOff}.
 *
 * @param {HTMLElement} button
 * @param {boolean} off
 */
export function setOff(button, off) {
  if (off) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}

/** @param {HTMLElement} button */
export function isOff(button) {
  return button.getAttribute('aria-disabled') === 'true';
}
