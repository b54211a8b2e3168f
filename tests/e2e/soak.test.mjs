import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { FakeBrowser } from './lib/soak/browser.mjs';
import { Life } from './lib/soak/life.mjs';
import { Random } from './lib/soak/random.mjs';

// `make soak` has a million.
const MESSAGES = Number(process.env.SOAK_MESSAGES ?? 40_000);
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 2 ** 31);
const SLOTS = 32;
const GROWTH_MAX = MESSAGES >= 1_000_000 ? 1.05 : 1.25; // in a short run the first pages weigh more

const LONG = { commands: 400, depth: 32 };
const SHORT = { commands: 12, depth: 8 };

function rss(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** Lives on all slots, one after the other, until so many messages have gone to and fro. */
async function live(daemon, random, count, { commands, depth }, tally) {
  const end = tally.messages + count;
  let failed = false;
  const over = () => failed || tally.messages >= end;
  const slot = async () => {
    while (!over()) {
      const life = new Life(`life${++tally.lives}`, new Random(random.upTo(2 ** 31)));
      const kind = random.of(['polite', 'polite', 'hasty', 'abort']);
      const plan = { commands: 1 + random.upTo(commands), depth: 1 + random.upTo(depth), slow: random.chance(10), end: kind };
      let counted = 0;
      const count = () => {
        tally.messages += life.sent + life.received - counted;
        counted = life.sent + life.received;
        return over();
      };
      await Promise.race([life.run(daemon.ws, { ...plan, over: count }), life.wrong]);
      count();
      ++tally[kind];
    }
  };
  const slots = Array.from({ length: SLOTS }, () => slot().catch((error) => {
    failed = true; // the others need not go on
    throw error;
  }));
  await Promise.all(slots);
}

async function soak(t, { messages, shape, sabotage }) {
  t.diagnostic(`SOAK_SEED=${SEED}`);
  const random = new Random(SEED);
  const browser = await FakeBrowser.start(t, new Random(SEED + 1), sabotage);
  const config = CONFIG.replace('runtime: {name: main}', `upstream: "${browser.ws}"`).replace('trace', 'info');
  const daemon = await Daemon.start(t, { config });
  const tally = { messages: 0, lives: 0, polite: 0, hasty: 0, abort: 0 };
  try {
    await live(daemon, random, messages / 10, shape, tally);
    await daemon.quiet();
    const before = rss(daemon.pid);
    await live(daemon, random, messages, shape, tally);
    await daemon.quiet();
    const after = rss(daemon.pid);
    t.diagnostic(`${JSON.stringify(tally)}, ${browser.late} late frames, ${before} kB before, ${after} kB after`);
    assert.equal(browser.sessions.size, 0, 'sessions are left in the browser');
    assert.equal(browser.connections, 1, 'one connection throughout');
    assert.ok(browser.late > 0 && tally.abort > 0 && tally.hasty > 0, 'everything was part of it');
    assert.ok(after <= before * GROWTH_MAX, `the daemon grew from ${before} to ${after} kB`);
  } finally {
    if (sabotage) assert.notEqual(browser.sabotaged, 0, 'nothing was sabotaged');
    await daemon.stop();
  }
}

test(`${MESSAGES} messages over ${SLOTS} clients that come and go reach whom they are for, once and in order`, async (t) => {
  await soak(t, { messages: MESSAGES, shape: LONG });
});

test(`${MESSAGES / 4} messages of short lives do so too`, async (t) => {
  await soak(t, { messages: MESSAGES / 4, shape: SHORT });
});

const SABOTAGES = {
  double: /lost, doubled or out of order|an answer that nobody waits for/,
  drop: /lost, doubled or out of order|an answer to/,
  reorder: /lost, doubled or out of order|an answer to/,
  swap: /another session|not his/,
  misroute: /another client|another session|lost, doubled/,
  corrupt: /the data of the command/,
  leak: /sessions are left in the browser/,
};
for (const [sabotage, noticed] of Object.entries(SABOTAGES)) {
  test(`a browser that does wrong is noticed: ${sabotage}`, async (t) => {
    await assert.rejects(soak(t, { messages: 5_000, shape: LONG, sabotage }), noticed);
  });
}
