import { Local } from '../lib/local.mjs';
import { operation, operations } from '../lib/contract.mjs';
import { servePages } from '../lib/pages.mjs';
import { coreSamples } from './core_samples.mjs';
import { serveOutside } from './outside.mjs';
import { platformSamples } from './platform_samples.mjs';

/** operationId -> {ids?, fields?, keep?}; platform first, since spaces and runtimes refer to it. */
export const samples = { ...platformSamples, ...coreSamples };

/** A good call of an operation, as the arguments of its SDK method. */
export async function argumentsOf(id, w) {
  const { ids = () => [], fields } = samples[id];
  const values = await ids(w);
  return fields ? [...values, await fields(w)] : values;
}

/** bctrl.runtimes.humanActions.get for "runtimes.human-actions.get". */
export function methodOf(bctrl, id) {
  const words = id.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()).split('.');
  return words.reduce((at, word) => at[word], bctrl);
}

/** A backend, what it can reach on loopback, and what the samples have made so far. */
export class World {
  #count = 0;

  static async start(t, options) {
    const world = new World();
    world.local = await Local.start(t, options);
    world.bctrl = world.local.bctrl;
    world.pages = await servePages(t);
    world.outside = await serveOutside(t);
    return world;
  }

  next() {
    return ++this.#count;
  }

  /** Waits for the invocation that drives the live runtime. */
  async settled() {
    const { data } = await this.bctrl.runs.invocations.list(this.run.id);
    for (const { id } of data) await this.bctrl.runtimes.invocations.wait(this.live.id, id, { timeoutSeconds: 20 });
  }

  /** Calls an operation's sample once and keeps what it made. Of a stream the first frame. */
  async perform(id) {
    const args = await argumentsOf(id, this);
    const method = methodOf(this.bctrl, id);
    if (operation(id).sse) {
      for await (const frame of method(...args)) return frame;
      throw new Error(`${id} ended without a frame`);
    }
    const body = await method(...args);
    samples[id].keep?.(this, body);
    return body;
  }

  /** Everything in the order of the samples; {id, error} of what failed. */
  async build(ids = Object.keys(samples)) {
    const failures = [];
    for (const id of ids) await this.perform(id).catch((error) => failures.push({ id, error }));
    return failures;
  }
}

/** Lists whose length shows whether anything was written: every "list" that needs no id. */
export const lists = [...operations.values()].filter(
  ({ id, pathParameters }) => id.endsWith('.list') && pathParameters.length === 0,
);
