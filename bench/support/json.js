// JSON as services send it, with values that vary, of an exact length; the same for every run.

const WORDS =
  'order shipped pending customer warehouse invoice refund partial carrier delayed address confirmed payment gift express return label tracking window morning'.split(
    ' ',
  );
const CITIES = ['Lisbon', 'Osaka', 'Nairobi', 'Tromsø', 'Valparaíso', 'Halifax', 'Pune', 'Graz', 'Cardiff', 'Tampere'];
const STATES = ['open', 'paid', 'packed', 'sent', 'delivered', 'returned'];

/**
 * Random numbers from 0 up to 1, the same for each seed (xorshift).
 *
 * @param {number} seed
 */
export function randomOf(seed) {
  let state = (seed * 2_654_435_761 + 88_675_123) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 0x1_0000_0000;
  };
}

class Records {
  #random;
  #id = 0;
  #at = 1_760_000_000_000;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = randomOf(seed);
    this.#id = this.#below(1e9);
  }

  next() {
    this.#id += 1 + this.#below(50);
    this.#at += this.#below(90_000);
    return {
      id: this.#id,
      at: new Date(this.#at).toISOString(),
      state: this.#one(STATES),
      customer: { key: this.#key(), city: this.#one(CITIES) },
      total: this.#below(1e6) / 100,
      items: Array.from({ length: 1 + this.#below(3) }, () => ({ sku: this.#below(1e6), count: 1 + this.#below(9) })),
      note: '',
    };
  }

  /** So many bytes of words. @param {number} length */
  note(length) {
    let text = '';
    while (text.length < length) text += `${this.#one(WORDS)} `;
    return text.slice(0, length);
  }

  #below(end) {
    return Math.floor(this.#random() * end);
  }

  #one(list) {
    return list[this.#below(list.length)];
  }

  #key() {
    return Array.from({ length: 16 }, () => this.#below(16).toString(16)).join('');
  }
}

/**
 * Texts of so many bytes: one record where they are short, an array of them where they are long. What is missing of the length are words.
 *
 * @param {number} seed
 * @param {number} size
 * @returns {() => Buffer}
 */
export function jsonOf(seed, size) {
  const records = new Records(seed);
  return () => {
    for (;;) {
      const list = [records.next()];
      let length = bytesOf(list);
      while (size > 1024 && length < size - 400) {
        const record = records.next();
        record.note = records.note(20);
        list.push(record);
        length += bytesOf([record]) - 1;
      }
      const isOne = size <= 1024;
      const missing = size - (isOne ? length - 2 : length);
      if (missing < 0) continue;
      list[0].note = records.note(missing);
      return Buffer.from(JSON.stringify(isOne ? list[0] : list));
    }
  };
}

function bytesOf(value) {
  return Buffer.byteLength(JSON.stringify(value));
}
