import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { kindsOf } from './durability/kinds.mjs';
import { Ledger } from './durability/ledger.mjs';
import { Cdp } from './lib/cdp.mjs';
import { eventually } from './lib/eventually.mjs';
import { Local } from './lib/local.mjs';
import { Sandbox } from './lib/sandbox.mjs';

const ROUNDS = Number(process.env.DURABILITY_ROUNDS ?? 20);
const WRITERS = 4;

/** mulberry32: the same writes for the same seed. */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes until the backend is gone. A refusal by a living backend is a failure. */
async function writeUntilKilled(ledgers, random, nextValue, alive) {
  for (;;) {
    const ledger = ledgers[Math.floor(random() * ledgers.length)];
    try {
      await ledger.write(random, nextValue());
    } catch (error) {
      if (alive() || error.status) throw error;
      return;
    }
  }
}

test(`kill -9 in ${ROUNDS} rounds of random writes loses nothing that was acknowledged`, async (t) => {
  const sandbox = new Sandbox(t);
  const state = `${sandbox.dir}/kept`;
  const seed = Number(process.env.DURABILITY_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`DURABILITY_SEED=${seed}`);
  const random = randomFrom(seed);
  let local;
  let count = 0;
  const kinds = Object.entries(kindsOf(() => local.bctrl));
  const ledgers = kinds.map(([name, kind]) => new Ledger(name, kind));

  for (let round = 0; round < ROUNDS; ++round) {
    local = await Local.start(t, { sandbox, state });
    for (const ledger of ledgers) await ledger.check();
    let killed = false;
    const writers = Array.from({ length: WRITERS }, () =>
      writeUntilKilled(
        ledgers,
        random,
        () => `w-${++count}`,
        () => !killed,
      ),
    );
    await Promise.race([delay(20 + random() * 250), Promise.all(writers)]);
    killed = true;
    await local.kill9();
    await Promise.all(writers);
  }

  local = await Local.start(t, { sandbox, state });
  for (const ledger of ledgers) await ledger.check();
  const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledged, 0);
  t.diagnostic(`${acknowledged} acknowledged writes of ${ledgers.map(({ name }) => name).join(', ')}`);
  assert.ok(acknowledged > ROUNDS, 'something was written in most rounds');
  await local.stop();
});

test('a run that kill -9 interrupts is failed with a reason, and what was recorded of it stays', async (t) => {
  const sandbox = new Sandbox(t);
  const state = `${sandbox.dir}/kept`;
  const first = await Local.start(t, { sandbox, state });
  const { id } = await first.bctrl.runtimes.create({ name: 'interrupted', config: { profile: true } });
  const key = { idempotencyKey: 'the first start' };
  const started = await first.bctrl.runtimes.start(id, {}, key);
  const cdp = await Cdp.connect(started.connectUrl);
  await cdp.send('Target.createTarget', { url: 'data:text/html,<title>Before</title>' });
  const { data: before } = await first.bctrl.runs.events.list(started.runId);
  assert.ok(before.length > 0);
  await first.kill9();
  await eventually(() => assert.deepEqual(sandbox.browsers(), [], 'no browser outlives its backend'));

  const second = await Local.start(t, { sandbox, state });
  const run = await second.bctrl.runs.get(started.runId);
  assert.equal(run.status, 'failed');
  assert.ok(run.finishedAt);
  assert.match(run.failure.code, /^[a-z_.]+$/);
  assert.notEqual(run.failure.message, '');
  assert.notEqual((await second.bctrl.runtimes.get(id)).status, 'active');
  const { data: after } = await second.bctrl.runs.events.list(started.runId);
  assert.deepEqual(after.slice(0, before.length), before);

  assert.deepEqual(await second.bctrl.runtimes.start(id, {}, key), started, 'the key still stands for the first start');
  const again = await second.bctrl.runtimes.start(id);
  assert.equal(again.started, true);
  assert.notEqual(again.runId, started.runId);
  await second.bctrl.runtimes.stop(id);
  await second.stop();
});
