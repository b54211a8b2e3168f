import assert from 'node:assert/strict';

const MOST = 40; // of one kind: every one is read again after every end

/**
 * What was acknowledged of one kind of resource, against what is there after the end. `kind` has list() of
 * [{id, value}], create(value) -> id, remove(id) and, if it can, change(id, value). A write that was under way when the backend
 * was killed may have happened or not; anything else may not.
 */
export class Ledger {
  #known = new Map();
  #open = new Set();

  constructor(name, kind) {
    this.name = name;
    this.kind = kind;
    this.acknowledged = 0;
  }

  #touched(id) {
    return [...this.#open].some((write) => write.id === id);
  }

  /** One random write. Resolves when it is acknowledged; rejects when the backend is gone. */
  async write(random, value) {
    const ids = [...this.#known.keys()].filter((id) => !this.#touched(id));
    const id = ids[Math.floor(random() * ids.length)];
    const verbs =
      ids.length > MOST ? ['remove'] : ['create', 'create', 'change', 'remove'].filter((verb) => this.kind[verb]);
    const verb = id === undefined ? 'create' : verbs[Math.floor(random() * verbs.length)];
    const write = { verb, id: verb === 'create' ? undefined : id, value };
    this.#open.add(write);
    if (verb === 'create') this.#known.set(await this.kind.create(value), value);
    if (verb === 'change') {
      await this.kind.change(id, value);
      this.#known.set(id, value);
    }
    if (verb === 'remove') {
      await this.kind.remove(id);
      this.#known.delete(id);
    }
    this.#open.delete(write);
    this.acknowledged += 1;
  }

  /** Throws unless everything acknowledged is there and nothing else but what was under way. */
  async check() {
    const there = new Map((await this.kind.list()).map(({ id, value }) => [id, value]));
    const maybe = (verb, fits) => [...this.#open].some((write) => write.verb === verb && fits(write));
    for (const [id, value] of this.#known) {
      if (!there.has(id)) {
        assert.ok(
          maybe('remove', (write) => write.id === id),
          `${this.name} ${id} was acknowledged and is gone`,
        );
        continue;
      }
      const found = there.get(id);
      if (found !== value)
        assert.ok(
          maybe('change', (write) => write.id === id && write.value === found),
          `${this.name} ${id} is "${found}", not "${value}"`,
        );
    }
    for (const [id, value] of there)
      if (!this.#known.has(id))
        assert.ok(
          maybe('create', (write) => write.value === value),
          `${this.name} ${id} "${value}" was never asked for`,
        );
    this.#known = there;
    this.#open.clear();
  }
}
