import assert from 'node:assert/strict';
import { test } from 'node:test';
import { levels } from './contract/levels.mjs';
import { PATHS, TRAVERSALS, badBodies, badQueries } from './contract/mutations.mjs';
import { encoded, targetOf } from './contract/refusals.mjs';
import { World, lists, methodOf, samples } from './contract/world.mjs';
import { operation, operations } from './lib/contract.mjs';

const GIB = 2 ** 30;
const TEN_MB = 10_000_000;
const all = [...operations.values()];

/** Everything that is listed, without what reading alone changes. */
async function written(w) {
  const volatile = (key, value) =>
    ['lastActivityAt', 'lastUsedAt', 'usageCount', 'computedAt', 'usage'].includes(key) ? undefined : value;
  const listed = {};
  for (const { id } of lists) {
    const body = await methodOf(w.bctrl, id)();
    listed[id] = JSON.parse(JSON.stringify(body, volatile));
  }
  const { data } = await w.bctrl.runtimes.targets.list(w.live.id);
  listed.targets = data.map(({ id }) => id).sort();
  return listed;
}

/** Complaints of a batch, so that one run shows them all. */
class Batch {
  complaints = [];
  count = 0;

  check(label, { status, body }, { statuses = [400], field }) {
    this.count += 1;
    const where = body?.details?.field;
    const ok = statuses.includes(status) && (field === undefined || where === field);
    if (!ok) this.complaints.push(`${label}: ${status} ${body?.code} in "${where}", not ${statuses} in "${field}"`);
  }
  end() {
    total += this.count;
    assert.equal(
      this.complaints.length,
      0,
      `\n${this.complaints.slice(0, 25).join('\n')}\n(${this.complaints.length} of ${this.count})`,
    );
  }
}
let total = 0;

test('bad input is refused with the right 4xx that names the field, and nothing is written', async (t) => {
  const w = await World.start(t);
  const failures = (await w.build()).filter(({ id }) => levels[id].level !== 'refused');
  assert.deepEqual(failures, [], 'every other sample is granted');
  // Some samples make what they then act on: that comes before the look at what there is.
  const made = new Map();
  for (const { id } of all.filter(({ body, query }) => body || query.length > 0)) made.set(id, (await samples[id].ids?.(w)) ?? []);
  const before = await written(w);
  const call = (id, target, options) => w.local.raw(operation(id).method, target, options);

  await t.test('bodies that break the contract', async (t) => {
    for (const { id, body } of all.filter((one) => one.body?.contentType === 'application/json'))
      await t.test(id, async () => {
        const { fields = () => ({}) } = samples[id];
        const [values, good] = [made.get(id), await fields(w)];
        const batch = new Batch();
        for (const { what, field, body: bad } of badBodies(id, good)) {
          const reply = await call(id, targetOf(id, values), await encoded(id, bad));
          batch.check(`${what} in ${field}`, reply, { field });
        }
        if (Object.keys(body.schema).length) {
          const sent = JSON.stringify({ ...good, name: 'x'.repeat(TEN_MB), instruction: 'x'.repeat(10) });
          const headers = { 'content-type': 'application/json' };
          batch.check('10 MB', await call(id, targetOf(id, values), { headers, body: sent }), { statuses: [400, 413] });
        }
        batch.end();
      });
  });

  await t.test('queries that break the contract', async (t) => {
    for (const { id } of all.filter(({ query }) => query.length > 0))
      await t.test(id, async () => {
        const target = targetOf(id, made.get(id));
        const batch = new Batch();
        for (const { what, field, query } of badQueries(id))
          batch.check(`${what} in ${field}`, await call(id, target + query), { field });
        batch.end();
      });
  });

  await t.test('ids that want to be paths', async (t) => {
    for (const { id, path } of all.filter(({ pathParameters }) => pathParameters.length > 0))
      await t.test(id, async () => {
        const batch = new Batch();
        for (const bad of TRAVERSALS) {
          const target = path.replace(/\{\w+\}/g, bad);
          batch.check(`id ${bad.slice(0, 30)}`, await call(id, target, await encoded(id, {})), {
            statuses: [400, 404, 405, 414, 431],
          });
        }
        batch.end();
      });
  });

  await t.test('names and paths of files that lead elsewhere', async (t) => {
    const file = new File(['x'], 'x.txt');
    const tries = [
      ['files.upload', () => [], 'path', { file }],
      ['runtimes.files.upload', () => [w.live.id], 'runtimePath', { file }],
      ['runtimes.files.upload', () => [w.live.id], 'destinationPath', { file }],
      ['runtimes.files.stage', () => [w.live.id], 'runtimePath', () => ({ fileId: w.file.id })],
      ['runtimes.files.collect', () => [w.live.id], 'runtimePath', {}],
      ['runtimes.files.collect', () => [w.live.id], 'destinationPath', () => ({ runtimePath: w.staged.runtimePath })],
    ];
    for (const [id, ids, field, rest] of tries)
      await t.test(`${id} ${field}`, async () => {
        const batch = new Batch();
        const others = typeof rest === 'function' ? rest() : rest;
        for (const bad of PATHS)
          batch.check(
            `${field} ${JSON.stringify(bad.slice(0, 30))}`,
            await call(id, targetOf(id, ids()), await encoded(id, { ...others, [field]: bad })),
            { field },
          );
        batch.end();
      });
  });

  await t.test('an upload that declares 1 GiB', async (t) => {
    for (const { id, body } of all.filter((one) => one.body))
      await t.test(id, async () => {
        const isForm = body.contentType === 'multipart/form-data';
        const headers = {
          'content-type': isForm ? `${body.contentType}; boundary=x` : body.contentType,
          'content-length': GIB,
        };
        const began = performance.now();
        const first = isForm
          ? '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nsome'
          : '{"name": "';
        const reply = await call(id, targetOf(id, made.get(id)), { headers, body: first, open: true });
        const batch = new Batch();
        batch.check('1 GiB', reply, { statuses: [413] });
        batch.end();
        assert.equal(reply.body.code, 'request.too_large');
        assert.ok(performance.now() - began < 5_000, 'it is refused before it is sent');
      });
  });

  await t.test('nothing was written', async () => {
    assert.deepEqual(await written(w), before);
    assert.equal((await w.bctrl.auth.whoami()).scope, 'organization');
  });

  t.diagnostic(`${total} bad requests in all`);
  assert.ok(total > 1000, `only ${total} were made`);
  await w.local.stop();
});
