import { operations } from './contract.mjs';

/** Which operations were answered with which statuses. */
export class Coverage {
  #seen = new Map();

  record(id, status) {
    if (!this.#seen.has(id)) this.#seen.set(id, new Set());
    this.#seen.get(id).add(status);
  }

  has(id, status) {
    return this.#seen.get(id)?.has(Number(status)) ?? false;
  }

  succeeded(id) {
    return [...(this.#seen.get(id) ?? [])].some((status) => status >= 200 && status < 300);
  }

  /** The operations that were never answered with success. */
  unproven() {
    return [...operations.keys()].filter((id) => !this.succeeded(id));
  }

  /** "operation: 200 401 404", a line each. */
  toString() {
    return [...operations.keys()]
      .map((id) => `${id}: ${[...(this.#seen.get(id) ?? [])].sort().join(' ') || 'never called'}`)
      .join('\n');
  }
}
