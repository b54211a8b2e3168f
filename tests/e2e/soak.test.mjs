import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { FakeBrowser } from './lib/soak/browser.mjs';
import { ENDS, Life } from './lib/soak/life.mjs';
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
async function live(daemon, browser, random, count, { commands, depth }, tally, sessions) {
  const end = tally.messages + count;
  let failed = false;
  const over = () => failed || tally.messages >= end;
  const slot = async () => {
    while (!over()) {
      const life = new Life(`life${++tally.lives}`, new Random(random.upTo(2 ** 31)), sessions);
      const kind = random.chance(30) ? 'polite' : random.of(Object.keys(ENDS));
      const address = random.chance(20) ? daemon.ws.replace(/browser.*/, 'page/T') : daemon.ws;
      const plan = { commands: 1 + random.upTo(commands), depth: 1 + random.upTo(depth), slow: random.chance(10), end: kind };
      let counted = 0;
      const count = () => {
        tally.messages += life.sent + life.received - counted;
        counted = life.sent + life.received;
        return over();
      };
      await Promise.race([life.run(address, { ...plan, over: count }), life.wrong, browser.wrong]);
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
  const sessions = []; // to trespass on
  const tally = { messages: 0, lives: 0, ...Object.fromEntries(Object.keys(ENDS).map((end) => [end, 0])) };
  await daemon.ask('up', 'main'); // a sleeping runtime has no pages
  try {
    await live(daemon, browser, random, messages / 10, shape, tally, sessions);
    await daemon.quiet();
    const before = rss(daemon.pid);
    await live(daemon, browser, random, messages, shape, tally, sessions);
    await daemon.quiet();
    const after = rss(daemon.pid);
    t.diagnostic(`${JSON.stringify(tally)}, ${browser.late} late frames, ${before} kB before, ${after} kB after`);
    assert.equal(browser.sessions.size, 0, 'sessions are left in the browser');
    assert.equal(browser.connections, 1, 'one connection throughout');
    for (const end of Object.keys(ENDS)) assert.notEqual(tally[end], 0, `nobody has left by ${end}`);
    assert.notEqual(browser.late, 0, 'no frame came late');
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
