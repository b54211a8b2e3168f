import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `check` until it neither throws nor rejects, and returns what it returned. At the deadline its last error is
 * the test's error, so that a failure says what was seen, not only that time ran out.
 */
export async function eventually(check, { within = 15_000, every = 50 } = {}) {
  const deadline = performance.now() + within;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(every);
  }
}

/** `promise`, or an error that names what was waited for. */
export async function soon(promise, what, within = 15_000) {
  const over = new AbortController();
  const late = delay(within, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what}: not within ${within} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
