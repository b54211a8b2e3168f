import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { blackhole } from './lib/blackhole.mjs';
import { Cdp } from './lib/cdp.mjs';
import { Cloud, KILL_AT, LEASE_SECONDS, Owner } from './lib/cloud.mjs';
import { eventually, soon } from './lib/eventually.mjs';

// One case is one daemon that is killed at one of its system calls. 200 and more with `make soak`.
const CASES = Number(process.env.CRASH_CASES ?? 8);
const AT_ONCE = Number(process.env.CRASH_AT_ONCE ?? 3);
const LEASE_AT_ONCE = 20;
const WITHIN = (LEASE_SECONDS + 10) * 1000;

const countOf = (file) => {
  try {
    return Number(readFileSync(file).readBigUInt64LE());
  } catch {
    return 0;
  }
};

/** create, start, attach, a command, stop: until it is over or the daemon is dead. Its number of system calls. */
async function live(owner, killAt, when) {
  const file = join(owner.sandbox.dir, 'count');
  const daemon = owner.begin({ LD_PRELOAD: KILL_AT, KILL_COUNT: file, KILL_AT: String(killAt), KILL_WHEN: when });
  const address = await eventually(
    () => daemon.stdout.match(/curl +http(:\S+)\/json\/version/)?.[1] ?? assert.ok(!daemon.running, 'no address'),
    { within: 60_000, every: 20 },
  );
  if (address) {
    try {
      const cdp = await Cdp.connect(`ws${address}/devtools/browser`);
      await soon(cdp.send('Target.createTarget', { url: 'about:blank' }), 'a tab', 30_000);
      await cdp.close();
    } catch (error) {
      await eventually(() => assert.ok(!daemon.running, `the daemon lives: ${error.message}`));
    }
  }
  daemon.kill('SIGTERM');
  const ended = await daemon.end();
  return { calls: countOf(file), ended };
}

async function inParallel(jobs, width) {
  const queue = [...jobs.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await next[1]();
  };
  await Promise.all(Array.from({ length: Math.min(width, jobs.length) }, work));
}

// Side by side: either waits for a lease to end.
describe('no runtime outlives its owner', { concurrency: true }, () => {
  test(`no paid runtime outlives a daemon that is killed at any system call (${CASES} cases)`, async (t) => {
    const cloud = await Cloud.start(t);
    const others = [];
    for (const name of ['other-1', 'other-2', 'other-3']) others.push(await cloud.startUntagged(name));

    const { calls, ended } = await live(new Owner(t, cloud.origin, { names: ['whole'] }), 0, 'before');
    assert.equal(ended, 0);
    await cloud.untilNoneTagged((name) => name === 'whole', 0);
    t.diagnostic(`a life has ${calls} system calls that leave a trace`);
    assert.ok(calls > 30);

    let killed = 0;
    const left = [];
    const ways = ['gc --own', 'restart', 'gc', 'lease'];
    const wayOf = (i) => ways[(i + (i >> 2)) % ways.length];
    const jobs = Array.from({ length: CASES }, (_, i) => async () => {
      const at = 1 + Math.floor(((i >> 1) * calls) / Math.ceil(CASES / 2));
      const when = i % 2 ? 'after' : 'before';
      const name = `case-${i}`;
      const only = (one) => one === name;
      const owner = new Owner(t, cloud.origin, { names: [name] });
      const { ended } = await live(owner, at, when);
      const what = `case ${i}, ${when} call ${at}`;
      if (ended === 'SIGKILL') ++killed;
      const way = wayOf(i);
      if (ended === 0) {
        await cloud.untilNoneTagged(only, 0);
      } else if (way === 'lease') {
        left.push({ name, since: performance.now(), what });
        await cloud.activeTagged(only);
      } else if (way === 'restart') {
        const next = await owner.start();
        // What it takes over it holds; what it does not, it stops.
        await eventually(
          async () => {
            const { state, runId } = (await owner.status())[name];
            if (runId !== null) assert.equal(state, 'live', what);
            if (runId === null) assert.deepEqual(await cloud.activeTagged(only), [], what);
          },
          { within: 10_000 },
        );
        next.kill('SIGTERM');
        assert.equal(await next.end(), 0, what);
        await cloud.untilNoneTagged(only, 0);
      } else {
        const { code, stdout, stderr } = await owner.gc(...way.split(' ').slice(1));
        assert.equal(code, 0, `${what}: ${stdout}${stderr}`);
        await cloud.untilNoneTagged(only, 0);
      }
      const made = await cloud.runtimes(only);
      assert.ok(made.length <= 1, `${what}: the runtime was created ${made.length} times`);
    });
    // Last those whose runtimes the lease ends, many at once, so that the test waits once.
    await inParallel(jobs.filter((_, i) => wayOf(i) !== 'lease'), AT_ONCE);
    const byLease = jobs.filter((_, i) => wayOf(i) === 'lease');
    for (let i = 0; i < byLease.length; i += LEASE_AT_ONCE) {
      await inParallel(byLease.slice(i, i + LEASE_AT_ONCE), AT_ONCE);
      for (const { name, since, what } of left.splice(0)) {
        const within = Math.max(0, since + WITHIN - performance.now());
        await eventually(async () => assert.deepEqual(await cloud.activeTagged((one) => one === name), [], what), {
          within,
          every: 500,
        });
      }
    }

    t.diagnostic(`${killed} of ${CASES} daemons were killed`);
    assert.ok(killed >= CASES * 0.8, 'most cases are about a killed daemon');
    for (const { runtimeId, runId } of others) {
      const { activeRunId } = await cloud.rest('GET', `/runtimes/${runtimeId}`);
      assert.equal(activeRunId, runId, 'a runtime of somebody else was touched');
    }
    await cloud.stop();
  });

  test('the lease ends what a stopped process, and one without network, cannot renew', async (t) => {
    const cloud = await Cloud.start(t);
    const other = await cloud.startUntagged('other');
    const way = await blackhole(t, cloud.origin);
    const stopped = new Owner(t, cloud.origin, { names: ['stopped'] });
    const cut = new Owner(t, way.origin, { names: ['cut'] });
    const [first, second] = [await stopped.start(), await cut.start()];
    for (const owner of [stopped, cut]) assert.equal((await owner.cli('up', owner.names[0])).code, 0);
    const mine = (name) => name === 'stopped' || name === 'cut';
    assert.deepEqual((await cloud.activeTagged(mine)).sort(), ['cut', 'stopped']);

    await delay((LEASE_SECONDS / 3 + 3) * 1000); // it has renewed the lease
    first.kill('SIGSTOP');
    way.cut();
    await cloud.untilNoneTagged(mine, WITHIN);
    assert.equal((await cloud.rest('GET', `/runtimes/${other.runtimeId}`)).activeRunId, other.runId);

    first.kill('SIGCONT');
    way.mend();
    for (const owner of [stopped, cut]) {
      const [name] = owner.names;
      await eventually(
        async () => {
          const { state, runId } = (await owner.status())[name];
          assert.deepEqual({ state, runId }, { state: 'cold', runId: null });
        },
        { within: name === 'stopped' ? 2_000 : 90_000 },
      );
      assert.equal((await owner.cli('up', name)).code, 0, 'and it goes on');
    }
    for (const program of [first, second]) {
      program.kill('SIGTERM');
      assert.equal(await program.end(), 0);
    }
    await cloud.untilNoneTagged(mine, 0);
    await cloud.stop();
  });
});
