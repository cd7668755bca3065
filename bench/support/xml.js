// Whether a text is well-formed XML, as strictly as an SVG in a page is read: one wrong byte, and no chart is shown.

const NAME = '[A-Za-z_][\\w.:-]*';
const ATTRIBUTES = new RegExp(
  `^(?:\\s+${NAME}="[^"<&]*(?:&(?:amp|lt|gt|quot|apos|#\\d+|#x[\\da-f]+);[^"<&]*)*")*\\s*$`,
  'i',
);
const TEXT = /^[^<&]*(?:&(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);[^<&]*)*$/i;
const TAG = new RegExp(`^<(/?)(${NAME})([^<>]*?)(/?)>`);

/** What is wrong with it; undefined when nothing is. @param {string} text @returns {string | undefined} */
export function xmlFault(text) {
  /** @type {string[]} */
  const open = [];
  let roots = 0;
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('<', at);
    const between = text.slice(at, next === -1 ? undefined : next);
    if (!TEXT.test(between)) return `an ampersand or a bracket in "${between.slice(0, 40)}"`;
    if (open.length === 0 && between.trim() !== '') return `text outside of the root: "${between.slice(0, 40)}"`;
    if (next === -1) break;
    const [tag, closes, name = '', attributes = '', isEmpty] = TAG.exec(text.slice(next)) ?? [];
    if (tag === undefined) return `no tag at "${text.slice(next, next + 40)}"`;
    if (!ATTRIBUTES.test(attributes) || (closes && attributes.trim() !== '')) return `attributes of ${tag}`;
    const names = [...attributes.matchAll(/([\w.:-]+)="/g)].map(([, each]) => each);
    if (new Set(names).size < names.length) return `an attribute twice in ${tag}`;
    if (closes) {
      if (open.pop() !== name) return `${tag} closes what is not open`;
    } else {
      if (open.length === 0) roots++;
      if (!isEmpty) open.push(name);
    }
    at = next + tag.length;
  }
  if (open.length > 0) return `<${open.at(-1)}> is not closed`;
  return roots === 1 ? undefined : `${roots} roots`;
}
