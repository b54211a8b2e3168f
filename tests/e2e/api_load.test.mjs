import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { eventually } from './lib/eventually.mjs';
import { Local } from './lib/local.mjs';
import { ApiError, upload } from './lib/sdk.mjs';

const CLIENTS = 64;
const REQUESTS = Number(process.env.API_LOAD_REQUESTS ?? 2_000);
const RUNTIMES = 8;

/** One life of something: its calls in order, each of which must be granted. */
const lives = [
  async ({ call }, n) => {
    const { id } = await call((api) => api.spaces.create({ name: `Load ${n}` }));
    await call((api) => api.spaces.list({ limit: 5 }));
    await call((api) => api.spaces.get(id, { include: 'environment' }));
  },
  async ({ call }, n) => {
    const { id } = await call((api) => api.spaces.create({ name: `Load ${n}` }));
    await call((api) => api.spaces.environment.update(id, { storage: { namespace: `n${n}` } }));
    await call((api) => api.spaces.update(id, { name: 'Renamed' }));
    await call((api) => api.spaces.delete(id));
    await call((api) => api.spaces.get(id), 404);
  },
  async ({ call }, n) => {
    const { id } = await call((api) => api.runtimes.create({ name: `Load ${n}`, config: { profile: false } }));
    await call((api) => api.runtimes.update(id, { name: 'Renamed' }));
    await call((api) => api.runtimes.get(id));
    await call((api) => api.runtimes.list({ status: ['stopped', 'failed'], limit: 5 }));
    await call((api) => api.runtimes.delete(id));
    await call((api) => api.runtimes.get(id), 404);
  },
  async ({ call, runId }) => {
    await call((api) => api.auth.whoami());
    await call((api) => api.runs.list({ limit: 5 }));
    await call((api) => api.runs.get(runId));
    await call((api) => api.runs.events.list(runId, { limit: 10 }));
  },
  async ({ call }, n) => {
    const content = `load ${n} `.repeat(2_000);
    const { id } = await call((api) =>
      api.files.upload({ file: upload(content, 'load.txt', 'text/plain'), path: `load/${n}.txt` }),
    );
    assert.equal(String(await call((api) => api.files.content(id))), content);
    await call((api) => api.files.list({ prefix: 'load/', limit: 5 }));
    await call((api) => api.files.delete(id));
    await call((api) => api.files.content(id), 404);
  },
  async ({ call }, n) => {
    const key = `load/${n}`;
    await call((api) => api.vault.secrets.upsert(key, { type: 'value', value: `e2e-load-${n}` }));
    assert.equal((await call((api) => api.vault.secrets.value(key))).value, `e2e-load-${n}`);
    await call((api) => api.vault.secrets.delete(key));
    await call((api) => api.vault.secrets.value(key), 404);
  },
  async ({ call }, n) => {
    const { id } = await call((api) =>
      api.tools.create({ type: 'webhook', name: `load-${n}`, url: 'http://127.0.0.1:9/' }),
    );
    await call((api) => api.tools.list({ limit: 5 }));
    await call((api) => api.tools.delete(id));
  },
];

class Load {
  milliseconds = [];
  unexpected = [];

  constructor(api, runId) {
    Object.assign(this, { api, runId });
  }

  /** One request, which must be answered so: 2xx unless `status` says otherwise. */
  call = async (request, status) => {
    const began = performance.now();
    const answer = await request(this.api).then(
      (body) => ({ body }),
      (error) => ({ error }),
    );
    this.milliseconds.push(performance.now() - began);
    if (answer.error && !(answer.error instanceof ApiError)) throw answer.error;
    if (answer.error?.status !== status) this.unexpected.push(answer.error?.message ?? `granted, not ${status}`);
    if (answer.error && status === undefined) throw answer.error;
    return answer.body;
  };

  async client() {
    for (let n = this.milliseconds.length; this.milliseconds.length < REQUESTS; ++n) {
      const live = lives[Math.floor(Math.random() * lives.length)];
      await live(this, `${n}-${Math.random()}`).catch((error) => {
        if (!(error instanceof ApiError)) throw error;
      });
    }
  }

  percentile(share) {
    const sorted = this.milliseconds.toSorted((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) * share)].toFixed(1);
  }
}

/** No more descriptors than before, once idle connections are closed. */
function settle(local, before) {
  return eventually(
    () => assert.ok(local.descriptors() <= before, `${local.descriptors()} descriptors, ${before} before`),
    { within: 30_000, every: 200 },
  );
}

test(`${CLIENTS} clients at once are all served`, async (t) => {
  const local = await Local.start(t, { logLevel: 'info' });
  const { bctrl } = local;
  const { id } = await bctrl.runtimes.create({ name: 'watched' });
  const { runId } = await bctrl.runtimes.start(id);
  await bctrl.runtimes.stop(id);
  const warm = new Load(bctrl.with({ maxRetries: 0 }), runId);
  for (const live of lives) await live(warm, 'warm');
  const before = local.descriptors();

  const load = new Load(bctrl.with({ maxRetries: 0 }), runId);
  const began = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, () => load.client()));
  const seconds = (performance.now() - began) / 1000;
  t.diagnostic(
    `${load.milliseconds.length} requests in ${seconds.toFixed(1)} s, p50 ${load.percentile(0.5)} ms, p99 ${load.percentile(0.99)} ms`,
  );
  assert.deepEqual(load.unexpected.slice(0, 10), [], `${load.unexpected.length} answers were not as they should be`);
  assert.ok(load.milliseconds.length >= REQUESTS);
  await settle(local, before);
  await local.stop();
});

async function drive({ connectUrl }, text) {
  const cdp = await Cdp.connect(connectUrl);
  const { targetId } = await cdp.send('Target.createTarget', { url: `data:text/html,<title>${text}</title>` });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  const title = () => cdp.send('Runtime.evaluate', { expression: 'document.title', returnByValue: true }, sessionId);
  await eventually(async () => assert.equal((await title()).result.value, text));
  await cdp.close();
}

test(`${RUNTIMES} runtimes at once are started, driven and stopped, and leave nothing`, async (t) => {
  const local = await Local.start(t);
  const { bctrl, sandbox } = local;
  // The first one pays for what is opened once.
  const first = await bctrl.runtimes.create({ name: 'first' });
  await drive(await bctrl.runtimes.start(first.id), 'first');
  await bctrl.runtimes.stop(first.id);
  await eventually(() => assert.deepEqual(sandbox.browsers(), []));
  const before = local.descriptors();

  const runtimes = await Promise.all(
    Array.from({ length: RUNTIMES }, (_, i) => bctrl.runtimes.create({ name: `r${i}` })),
  );
  const runs = await Promise.all(runtimes.map(({ id }) => bctrl.runtimes.start(id)));
  assert.equal(new Set(runs.map(({ connectUrl }) => connectUrl)).size, RUNTIMES);
  await Promise.all(runs.map((run, i) => drive(run, `r${i}`)));
  const stopped = await Promise.all(runtimes.map(({ id }) => bctrl.runtimes.stop(id)));
  assert.ok(stopped.every((one) => one.stopped && one.status === 'stopped'));
  for (const { runId } of runs) assert.equal((await bctrl.runs.get(runId)).status, 'stopped');
  await eventually(() => assert.deepEqual(sandbox.browsers(), []));
  await settle(local, before);
  await local.stop();
});
