import assert from 'node:assert/strict';
import { Cdp } from './cdp.mjs';

/** The value below which so many of the numbers are; they are in ascending order. */
const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** A client with a page of its own that asks one thing after the other, and notices whatever is lost or late. */
export class Peer {
  #cdp;
  #page;
  #asked = 0;

  static async start(address) {
    const cdp = await Cdp.connect(address);
    const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
    await cdp.send('Runtime.enable', {}, sessionId);
    await cdp.send('Runtime.evaluate', { expression: 'n = 0' }, sessionId);
    return new Peer(cdp, sessionId, targetId);
  }

  constructor(cdp, page, targetId) {
    this.#cdp = cdp;
    this.#page = page;
    this.targetId = targetId;
  }

  get cdp() {
    return this.#cdp;
  }

  /** One round trip with an event in front of its reply. Yields its time in milliseconds. */
  async #ask() {
    const number = ++this.#asked;
    this.#cdp.events.length = 0;
    const begin = performance.now();
    const { result } = await this.#cdp.send('Runtime.evaluate', { expression: 'console.debug(++n), n' }, this.#page);
    const time = performance.now() - begin;
    assert.equal(result.value, number, 'every command is done once');
    const logged = this.#cdp.events.filter(({ method }) => method === 'Runtime.consoleAPICalled');
    assert.deepEqual(logged.map(({ params }) => params.args[0].value), [number], 'its event comes once, and before its reply');
    return time;
  }

  /** Asks until `over` is settled, and for so long at least. Yields {asked, p50, p99, max}, times in milliseconds. */
  async ask({ over = Promise.resolve(), atLeast = 1_000 } = {}) {
    let done = false;
    const settled = over.finally(() => { done = true; });
    settled.catch(() => {});
    const times = [];
    const begin = performance.now();
    while (!done || performance.now() - begin < atLeast) times.push(await this.#ask());
    await settled;
    times.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((part) => quantile(times, part));
    return { asked: times.length, p50, p99, max: times.at(-1) };
  }

  async leave() {
    await this.#cdp.send('Target.closeTarget', { targetId: this.targetId });
    await this.#cdp.close();
  }
}
