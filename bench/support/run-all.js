// All measurements, one group of servers after the other, with how far they are. What fails is told in the end; the others still have their turn.

/**
 * @typedef {import('./result.js').Result} Result
 *
 * @typedef {object} Step
 * @property {string} section
 * @property {string} group
 *
 * @typedef {Step & { reason: string }} Failure
 *
 * @typedef {object} Plan
 * @property {readonly string[]} sections
 * @property {readonly string[]} groups
 * @property {readonly string[]} cases Parts of titles; none: all.
 * @property {number} rounds
 *
 * @typedef {object} Surroundings
 * @property {(section: string) => Promise<{ measure: import('./alone.js').Measure }>} load Gives the module of a measurement.
 * @property {(step: Step) => number} expected How long a step takes, in seconds, as far as one knows.
 * @property {(text: string) => void} progress What a measurement tells has its group in it.
 * @property {(result: Result) => void} onResult
 * @property {() => number} now In seconds.
 */

/** @param {number} seconds */
export function inMinutes(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** The steps of a plan: those of a measurement stand together. @param {Plan} plan @returns {Step[]} */
export function stepsOf({ sections, groups }) {
  return sections.flatMap((section) => groups.map((group) => ({ section, group })));
}

/**
 * @param {Plan} plan
 * @param {Surroundings} surroundings
 */
export async function runAll(plan, { load, expected, progress, onResult, now }) {
  const steps = stepsOf(plan);
  const begun = now();
  /** @type {Record<string, number>} */
  const spent = {};
  /** @type {Failure[]} */
  const failures = [];
  for (const [at, step] of steps.entries()) {
    const { section, group } = step;
    const stepBegun = now();
    const others = steps.slice(at + 1).reduce((sum, each) => sum + expected(each), 0);
    const tell = (/** @type {string} */ text) => {
      const left = others + Math.max(0, expected(step) - (now() - stepBegun));
      progress(`${inMinutes(now() - begun)}, about ${inMinutes(left)} left: ${section}: ${text}`);
    };
    tell(`${group}: begins`);
    try {
      const { measure } = await load(section);
      const wanted = { groups: [group], cases: plan.cases, rounds: plan.rounds, progress: tell };
      for await (const result of measure(wanted)) onResult(result);
    } catch (error) {
      failures.push({ section, group, reason: error instanceof Error ? error.message : String(error) });
      tell(`${group}: failed: ${error instanceof Error ? error.stack : error}`);
    }
    spent[`${section} ${group}`] = Math.round(now() - stepBegun);
  }
  return { spent, failures, seconds: Math.round(now() - begun) };
}
