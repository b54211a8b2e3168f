import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// What must never appear in anything a program prints, whatever the log level.

// Shapes that are secret wherever they come from: a connectUrl of the local backend, its key, a BCTRL key.
const SHAPES = [
  /\/v1\/cdp\/[0-9a-f-]{36}\/[\w-]{16,}/,
  /\blocal_[\w-]{20,}/,
  /\bbctrl_(?:live|test|e2e)_[\w-]{8,}/,
];

/** The values that one sandbox has seen and that its logs must not hold. */
export class Secrets {
  #values = new Map();

  add(value, what) {
    if (value) this.#values.set(value, what);
  }
  addConnectUrl(url) {
    if (url) this.add(new URL(url).pathname.split('/').at(-1), 'the secret of a connectUrl');
  }
  get size() {
    return this.#values.size;
  }

  /** What of it is in `text`, in words without the secret itself. */
  foundIn(text) {
    const found = [];
    for (const [value, what] of this.#values) if (text.includes(value)) found.push(what);
    for (const shape of SHAPES) if (shape.test(text)) found.push(`something like ${shape}`);
    return found;
  }

  /** "file: what" for every leak in the files of a folder. */
  foundBelow(folder) {
    const leaks = [];
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      for (const what of this.foundIn(text)) leaks.push(`${entry.name}: ${what}`);
    }
    return leaks;
  }
}
