// A connection that sends messages and has each of them back: bytes that were made beforehand go out, what comes back is counted, and compared byte for byte where that is wanted.

/** @typedef {import('./echo-fixture.js').EchoFixture} EchoFixture */

export class EchoConnection {
  #socket;
  #fixture;
  #received = 0;
  #sent = 0;
  #end = 0;
  #isChecked = true;
  #done = () => {};
  /** @type {(error: unknown) => void} */
  #fail = () => {};

  /** @param {import('node:net').Socket} socket @param {EchoFixture} fixture */
  constructor(socket, fixture) {
    this.#socket = socket;
    this.#fixture = fixture;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The server has closed a connection')));
  }

  /** Sends so many messages, and waits for the echo of each. @param {number} count @param {boolean} isChecked */
  run(count, isChecked) {
    this.#isChecked = isChecked;
    this.#end += count;
    return new Promise((resolve, reject) => {
      this.#done = () => resolve(undefined);
      this.#fail = reject;
      // Nobody would tell once more.
      if (this.#socket.destroyed) reject(new Error('The server has closed a connection'));
      this.#send(Math.min(count, this.#fixture.inFlight));
    });
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    const { echoSize, echoes } = this.#fixture;
    if (this.#isChecked) {
      for (let at = 0; at < chunk.byteLength; at += echoes.byteLength - echoSize) {
        const piece = chunk.subarray(at, at + echoes.byteLength - echoSize);
        const from = (this.#received + at) % echoSize;
        if (piece.compare(echoes, from, from + piece.byteLength) !== 0) {
          return this.#fail(new Error('Something else came back than was sent'));
        }
      }
    }
    const before = Math.floor(this.#received / echoSize);
    this.#received += chunk.byteLength;
    const whole = Math.floor(this.#received / echoSize);
    if (whole === this.#end) {
      if (this.#received !== this.#end * echoSize) this.#fail(new Error('More came back than was sent'));
      else this.#done();
    } else if (whole > before) {
      this.#send(Math.min(whole - before, this.#end - this.#sent));
    }
  }

  /** @param {number} count */
  #send(count) {
    if (count <= 0) return;
    this.#sent += count;
    const { frames, frameSize, inFlight } = this.#fixture;
    this.#socket.write(count === inFlight ? frames : frames.subarray(0, count * frameSize));
  }

  /** What it waits for will not come. @param {Error} error */
  fail(error) {
    this.#fail(error);
  }

  /** Ends it; what it waits for is not told. */
  close() {
    this.#fail = () => {};
    this.#socket.destroy();
  }
}
