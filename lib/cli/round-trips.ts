// The round trips of pings, told one by one and all together.

export class RoundTrips {
  #count = 0;
  #sum = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = 0;

  /** Takes one, in milliseconds, and tells it. */
  add(roundTrip: number): string {
    this.#count++;
    this.#sum += roundTrip;
    this.#least = Math.min(this.#least, roundTrip);
    this.#most = Math.max(this.#most, roundTrip);
    return `ping ${this.#count}: ${format(roundTrip)}`;
  }

  /** Tells all of them; undefined without one. */
  summary(): string | undefined {
    if (this.#count === 0) return undefined;
    const mean = this.#sum / this.#count;
    return `pings: ${this.#count}, least ${format(this.#least)}, mean ${format(mean)}, most ${format(this.#most)}`;
  }
}

function format(milliseconds: number): string {
  return `${milliseconds.toFixed(2)} ms`;
}
