import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { request, upgrade } from './lib/http.mjs';

const CLIENTS = 50;
const START = { operation: 'runtimes.start' };

/** The usual bridge, with more keys. */
const bridgeWith = (keys) => CONFIG.replace('port: 0, runtime', `port: 0, ${keys}, runtime`);

async function fault(daemon, wanted) {
  const { status } = await daemon.rest('POST', '/_local/faults', wanted);
  assert.equal(status, 201);
}

/** What there is of the runtime: how many, how many runs, how many of them go on. */
async function existing(daemon) {
  const runtimes = await daemon.rest('GET', '/v1/runtimes');
  const runs = await daemon.rest('GET', '/v1/runs');
  const active = runs.body.data.filter(({ status }) => status === 'active');
  return { runtimes: runtimes.body.data.length, runs: runs.body.data.length, active: active.length };
}

test(`${CLIENTS} clients wait as long as the API asks, and start the runtime once`, async (t) => {
  const daemon = await Daemon.start(t);
  await fault(daemon, { match: START, status: 429, retryAfterSeconds: 2, count: 1 });
  const begun = performance.now();
  const attaching = Promise.all(Array.from({ length: CLIENTS }, () => Cdp.connect(daemon.ws)));
  const waiting = await eventually(async () => {
    const bridge = await daemon.bridge();
    assert.equal(bridge.attempts, 1);
    return bridge;
  });
  assert.equal(waiting.state, 'waking');
  assert.match(waiting.reason, /^the API asks to wait, try 2 comes in 2\.0 s: \[RATE_LIMITED\] .*429/);
  const clients = await attaching;
  const took = performance.now() - begun;
  assert.ok(took >= 2000, `${took} ms`);
  await Promise.all(clients.map((client) => client.send('Browser.getVersion')));
  assert.equal((await daemon.bridge()).clients, CLIENTS);
  await daemon.oneConnection();
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 1, active: 1 });
  await Promise.all(clients.map((client) => client.close()));
  await daemon.stop();
});

test(`a start that the plan does not allow fails all ${CLIENTS} clients with one clear body each`, async (t) => {
  const daemon = await Daemon.start(t);
  const wanted = { match: START, status: 402, code: 'billing.insufficient_credits', delaySeconds: 1 };
  await fault(daemon, { ...wanted, count: 1 });
  const refused = await Promise.all(Array.from({ length: CLIENTS }, () => upgrade(daemon.ws)));
  assert.equal(refused.length, CLIENTS);
  for (const { status, headers, body } of refused) {
    assert.equal(status, 503);
    assert.match(body, /^bctrl-bridge: \[QUOTA\] start the runtime: 402 billing\.insufficient_credits: [^\n]+\n[^\n]+\n$/);
    assert.equal(body, refused[0].body);
    assert.match(headers['x-playwright-debug-log'], /^\[QUOTA\] /);
  }
  const bridge = await daemon.bridge();
  assert.equal(bridge.state, 'cold');
  assert.equal(bridge.failure.code, 'QUOTA');
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 0, active: 0 });
  // The fault has happened once: one start was asked for, and the next attach is served.
  const cdp = await Cdp.connect(daemon.ws);
  await cdp.close();
  await daemon.stop();
});

test('idle_stop ends the run within a second of its time, and never under a client', async (t) => {
  const daemon = await Daemon.start(t, { config: bridgeWith('idle_stop: 2s') });
  const cdp = await Cdp.connect(daemon.ws);
  await delay(3500);
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 1, active: 1 });
  assert.ok((await cdp.send('Browser.getVersion')).product);
  assert.equal((await daemon.bridge()).stops, undefined, 'nothing ends what is in use');
  const left = Date.now();
  await cdp.close();
  const { stops } = await eventually(async () => {
    const bridge = await daemon.bridge();
    assert.ok(bridge.stops);
    return bridge;
  });
  assert.match(stops.text, /^stops in [12]s: no client$/);
  const status = await daemon.cli('status');
  assert.match(status.stdout, /stops in [12]s: no client/);
  const bridge = await eventually(async () => {
    const bridge = await daemon.bridge();
    assert.equal(bridge.state, 'cold');
    return bridge;
  });
  assert.equal(bridge.reason, '[IDLE_STOP] nobody used the runtime for 2s');
  assert.equal(bridge.failure, undefined);
  const { body } = await daemon.rest('GET', '/v1/runs');
  const took = Date.parse(body.data[0].finishedAt) - left;
  assert.ok(took >= 1900 && took <= 3000, `${took} ms after the client left`);
  assert.deepEqual(daemon.sandbox.browsers(), []);

  const again = await Cdp.connect(daemon.ws);
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 2, active: 1 });
  await again.close();
  await daemon.stop();
});

test('on_last_client: stop waits for the grace, and max_run does not wait for anybody', async (t) => {
  const daemon = await Daemon.start(t, { config: bridgeWith('on_last_client: stop, grace: 1s, max_run: 5s') });
  const first = await Cdp.connect(daemon.ws);
  await first.close();
  const second = await Cdp.connect(daemon.ws); // within the grace
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 1, active: 1 });
  const { code, reason } = await second.closed;
  assert.equal(code, 1001);
  assert.equal(reason, '[MAX_RUN] the run has gone on for 5s');
  const third = await Cdp.connect(daemon.ws);
  await third.close();
  await eventually(async () => {
    const { state, reason } = await daemon.bridge();
    assert.equal(state, 'cold');
    assert.equal(reason, '[LAST_CLIENT] the last client has left');
  });
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 2, active: 0 });
  await daemon.stop();
});

test('a budget that is used up ends the run, refuses attaches and is told by usage', async (t) => {
  const daemon = await Daemon.start(t, { config: bridgeWith('budget: 3s/month') });
  const cdp = await Cdp.connect(daemon.ws);
  const { budget, stops } = await daemon.bridge();
  assert.ok(budget.secondsLeft <= 3);
  assert.equal(stops.cause, 'budget');
  const { code, reason } = await cdp.closed;
  assert.equal(code, 1001);
  assert.equal(reason, '[BUDGET] the budget of this month is used up');
  await eventually(async () => assert.equal((await daemon.bridge()).state, 'cold'));
  const refused = await upgrade(daemon.ws);
  assert.equal(refused.status, 503);
  assert.match(refused.body, /^bctrl-bridge: \[BUDGET\] .*there is more in /);
  const up = await daemon.cli('up', 'main');
  assert.equal(up.code, 7);
  assert.deepEqual(await existing(daemon), { runtimes: 1, runs: 1, active: 0 });

  const config = ['--config', `${daemon.sandbox.dir}/config.yaml`];
  const told = async () => {
    const { days, budgets } = await daemon.ask('usage', ...config);
    assert.equal(days.reduce((sum, { runs }) => sum + runs, 0), 1);
    const seconds = days.reduce((sum, day) => sum + day.seconds, 0);
    assert.ok(seconds >= 2.8 && seconds <= 4, `${seconds} s`);
    assert.deepEqual(budgets, [{ bridge: 'main', per: 'month', secondsLeft: 0, creditsLeft: null }]);
    const text = await daemon.cli('usage', 'main', ...config);
    assert.match(text.stdout, /^main +\d{4}-\d\d-\d\d +1 run +[34]s\nmain: 0s left of this month's budget\n$/);
  };
  await told();
  // Who does not name the file asks the daemon that has read it.
  assert.equal((await daemon.ask('usage')).budgets[0].secondsLeft, 0);
  assert.match((await daemon.cli('usage', 'main')).stdout, /main: 0s left of this month's budget\n$/);
  await daemon.stop();
  await told(); // without a daemon
  assert.equal((await daemon.cli('usage', 'nobody', ...config)).code, 2);
});

test('a crash loses no run from the ledger, and its end is found out', async (t) => {
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  await daemon.kill9();
  const again = await Daemon.start(t, { sandbox: daemon.sandbox });
  const { body } = await again.rest('GET', '/v1/runs');
  const lasted = (Date.parse(body.data[0].finishedAt) - Date.parse(body.data[0].startedAt)) / 1000;
  await eventually(async () => {
    const { days } = await again.ask('usage');
    assert.equal(days.length, 1);
    assert.ok(Math.abs(days[0].seconds - lasted) < 1.5, `${days[0].seconds} s, not ${lasted} s`);
  });
  await again.stop();
});

test('start: discovery wakes the runtime when a tool asks for the version', async (t) => {
  const daemon = await Daemon.start(t, { config: bridgeWith('start: discovery') });
  const { status, body } = await request(`${daemon.http}/json/version`);
  assert.equal(status, 200);
  assert.match(JSON.parse(body).Browser, /^(Headless)?Chrome\/\d+/);
  assert.equal((await daemon.bridge()).state, 'live');
  await daemon.stop();
});
