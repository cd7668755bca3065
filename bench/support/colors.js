// The colours of the charts, on light pages and on dark ones.

/** Each colour, and what it is on a dark page. SVG in a page's <img> has no variables of that page: it decides by itself. */
export const LIGHT = {
  background: '#ffffff',
  text: '#1f2328',
  quiet: '#59636e',
  line: '#d1d9e0',
  whisker: '#3d444d',
  own: '#0969da',
  ownOther: '#5aa2ee',
  rival: '#6e7781',
  yardstick: '#afb8c1',
};
export const DARK = {
  background: '#0d1117',
  text: '#f0f6fc',
  quiet: '#9198a1',
  line: '#3d444e',
  whisker: '#d1d7e0',
  own: '#4493f8',
  ownOther: '#2f65b0',
  rival: '#8b949e',
  yardstick: '#59626d',
};

/** @typedef {keyof typeof LIGHT} Color */

/** Which colour a name has: the library's own, its other forms, rivals, and what parses nothing. @param {string} name @returns {Color} */
export function colorOf(name) {
  if (name.startsWith('bare')) return 'yardstick';
  if (!name.startsWith('millrace')) return 'rival';
  return /^millrace(, loop.*)?$/.test(name) ? 'own' : 'ownOther';
}
