/** Numbers that are the same for the same seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }
  /** 0 or more, below 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  }
  upTo(most) {
    return Math.floor(this.next() * (most + 1));
  }
  chance(percent) {
    return this.next() * 100 < percent;
  }
  of(items) {
    return items[this.upTo(items.length - 1)];
  }
}

/** What a reply carries besides its stamp: the same for both ends, and for no other command. */
export function padding(life, number, size) {
  return `${life}.${number}|`.repeat(Math.ceil(size / 8)).slice(0, size);
}
