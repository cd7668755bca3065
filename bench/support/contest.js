// Who is measured, beside each other: all of them are started, and each has its round in turn, so that what the machine does meanwhile befalls all of them.

/** How long a round is to take: seconds of the processor of what is measured, and of the clock at most. */
const ROUND = { cpu: 0.3, clock: 0.6 };
/** What is done before it is measured, so that it is compiled: seconds of its processor, and of the clock at most. */
const WARM_UP = { cpu: 0.6, clock: 2 };
/** Both for what is small: a round of it has many thousands, and no connection that disturbs it. */
const SMALL = { round: { cpu: 0.06, clock: 0.2 }, warmUp: { cpu: 0.2, clock: 0.6 } };
/** The same where it is only to be seen that all of it works. */
const SHORT = { cpu: 0.01, clock: 0.1 };

/**
 * @typedef {object} Work What is measured, with what keeps it busy.
 * @property {() => number} cpu Microseconds of the processor that it has had so far.
 * @property {number} [perCount] How much of what is counted a count makes: as many messages as there are connections. Default: 1.
 * @property {number} [most] The highest count of a round.
 * @property {() => Promise<unknown>} check Makes sure that it does what is to be measured.
 * @property {(count: number) => Promise<{ seconds: number; beside?: Record<string, number> }>} run
 * @property {() => Promise<unknown>} stop
 *
 * @typedef {object} Wanted
 * @property {number} rounds
 * @property {boolean} [isShort] Whether it is only to be seen that all of it works.
 * @property {(text: string) => void} progress
 */

/**
 * @template {{ name: string }} K
 * @typedef {object} Contest
 * @property {string} section
 * @property {string} group
 * @property {string} title
 * @property {string} what What is counted: "message".
 * @property {{ cpu: number; clock: number }} [warmUp] What has to be done before it is measured, where that is more than usual.
 * @property {boolean} [isSmall] Whether it costs so little that it is told in nanoseconds.
 * @property {readonly K[]} kinds The first is what the others are compared with.
 * @property {(kind: K) => Promise<Work>} start
 */

/** What takes longer than this hangs, in seconds: opening 10,000 connections takes some. */
const PATIENCE = 120;

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
export async function patiently(promise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It has not ended in ${PATIENCE} s`)), PATIENCE * 1000);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} what */
const plural = (what) => what.replace(/y$/, 'ie').concat('s');

class Contestant {
  /** @type {import('./result.js').Entry} */
  entry;
  #work;
  #contest;
  #round;
  #warmUp;
  #count = 1;

  /** @param {string} name @param {Work} work @param {Pick<Contest<{ name: string }>, 'what' | 'warmUp' | 'isSmall'>} contest @param {boolean} isShort */
  constructor(name, work, contest, isShort) {
    this.entry = { name, values: [], beside: {} };
    this.#work = work;
    this.#contest = contest;
    const { round, warmUp } = contest.isSmall ? SMALL : { round: ROUND, warmUp: WARM_UP };
    this.#round = isShort ? SHORT : round;
    this.#warmUp = isShort ? SHORT : (contest.warmUp ?? warmUp);
  }

  /** Makes sure that it does its work, warms up, and finds out which count makes a round. */
  async warmUp() {
    await this.#work.check();
    const [begun, cpu] = [Date.now(), this.#work.cpu()];
    for (let isWarm = false; !isWarm; ) {
      const { spent, seconds } = await this.#run();
      const times = Math.min(this.#round.cpu / Math.max(spent, 1e-6), this.#round.clock / Math.max(seconds, 1e-6), 8);
      this.#count = Math.max(1, Math.min(Math.round(this.#count * times), this.#work.most ?? Number.MAX_SAFE_INTEGER));
      const isOver = Date.now() - begun > this.#warmUp.clock * 1000;
      isWarm = isOver || ((this.#work.cpu() - cpu) / 1e6 > this.#warmUp.cpu && times < 2);
    }
  }

  async round() {
    const { spent, seconds, beside = {} } = await this.#run();
    const total = this.#count * (this.#work.perCount ?? 1);
    const { what, isSmall } = this.#contest;
    this.entry.values.push((spent / total) * (isSmall ? 1e9 : 1e6));
    const figures = { [`${plural(what)} a second`]: total / seconds, ...beside };
    for (const [heading, value] of Object.entries(figures)) {
      this.entry.beside ??= {};
      this.entry.beside[heading] = [...(this.entry.beside[heading] ?? []), value];
    }
  }

  // In seconds of the processor, and of the clock.
  async #run() {
    const before = this.#work.cpu();
    const { seconds, beside } = await this.#work.run(this.#count);
    return { spent: (this.#work.cpu() - before) / 1e6, seconds, beside };
  }

  async stop() {
    await this.#work.stop();
  }
}

/**
 * Starts one of them.
 *
 * @template {{ name: string }} K
 * @param {Contest<K>} contest
 * @param {K} kind
 * @param {Wanted} wanted
 * @returns {Promise<Contestant | { entry: import('./result.js').Entry }>}
 */
async function enter(contest, kind, { isShort = false }) {
  /** @type {Contestant | undefined} */
  let contestant;
  try {
    contestant = new Contestant(kind.name, await patiently(contest.start(kind)), contest, isShort);
    await patiently(contestant.warmUp());
    return contestant;
  } catch (error) {
    await contestant?.stop();
    return failed(kind.name, error);
  }
}

/** A rival that is not there, or does not run here, has no figures but the reason; that millrace does not is a fault. @param {string} name @param {unknown} error */
export function failed(name, error) {
  if (name.startsWith('millrace')) throw error;
  return { entry: { name, values: [], missing: error instanceof Error ? error.message : String(error) } };
}

/** @param {(Contestant | { entry: import('./result.js').Entry })[]} entered */
async function roundOf(entered) {
  for (const [at, each] of entered.entries()) {
    if (!(each instanceof Contestant)) continue;
    try {
      await patiently(each.round());
    } catch (error) {
      await each.stop();
      entered[at] = failed(each.entry.name, error);
    }
  }
}

/**
 * @template {{ name: string }} K
 * @param {Contest<K>} contest
 * @param {Wanted} wanted
 * @returns {Promise<import('./result.js').Result>}
 */
export async function hold(contest, wanted) {
  const { section, group, title, what, isSmall, kinds } = contest;
  const { rounds, progress } = wanted;
  /** @type {Awaited<ReturnType<typeof enter>>[]} */
  const entered = [];
  try {
    for (const kind of kinds) {
      progress(`${group}: ${title}: ${kind.name}`);
      entered.push(await enter(contest, kind, wanted));
    }
    for (let round = 0; round < rounds; round++) {
      progress(`${group}: ${title}: round ${round + 1} of ${rounds}`);
      await roundOf(entered);
    }
  } finally {
    for (const each of entered) if (each instanceof Contestant) await each.stop();
  }
  const unit = `${isSmall ? 'ns' : 'us'} of CPU a ${what}`;
  return { section, group, title, unit, entries: entered.map(({ entry }) => entry) };
}
