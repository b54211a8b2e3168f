import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conflicts } from './contract/conflicts.mjs';
import { levels } from './contract/levels.mjs';
import { brokenBody, faulted, fromAPage, notTheirs, unknownIds, withoutKey } from './contract/refusals.mjs';
import { reasonAgainst, strayReasons } from './contract/unreachable.mjs';
import { World, argumentsOf, methodOf, samples } from './contract/world.mjs';
import { operation, operations, resolve } from './lib/contract.mjs';
import { eventually } from './lib/eventually.mjs';
import { ApiError } from './lib/sdk.mjs';

const ids = Object.keys(samples);

/** Compares a list with its pages of one; without the sample's filters, so that there are some. */
async function walked(w, id) {
  const { pathParameters } = operation(id);
  const values = (await argumentsOf(id, w)).slice(0, pathParameters.length);
  const list = methodOf(w.bctrl, id);
  const whole = await list(...values, { limit: 30 });
  const seen = [];
  let cursor;
  do {
    const page = await list(...values, { limit: 1, cursor });
    assert.ok(page.data.length <= 1, `${page.data.length} for a limit of 1`);
    seen.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && seen.length < whole.data.length);
  const idOf = (one) => one.id ?? one.key ?? one.subaccountId;
  assert.deepEqual(seen.map(idOf), whole.data.map(idOf));
  if (!whole.nextCursor) assert.equal(cursor, undefined, 'the last page leads nowhere');
}

/** The queries of a list that name a member of its items and list its values: [name, values]. */
function filtersOf(id) {
  const { query, responses } = operation(id);
  const { data } = resolve(responses[200].content['application/json'].schema).properties;
  const item = resolve(resolve(data).items);
  const members = [item, ...(item.oneOf ?? item.anyOf ?? item.allOf ?? []).map(resolve)];
  return query.flatMap(({ name, schema }) => {
    const node = resolve(schema);
    const values = node.type === 'boolean' ? [true, false] : (resolve(node.items ?? {}).enum ?? node.enum);
    return values && members.some(({ properties }) => properties?.[name]) ? [[name, values]] : [];
  });
}

/** Each value of a filter gives what has it, and all values together give everything. */
async function filtered(w, id, name, choices) {
  const values = (await argumentsOf(id, w)).slice(0, operation(id).pathParameters.length);
  const list = async (fields) => (await methodOf(w.bctrl, id)(...values, { limit: 100, ...fields })).data;
  const listed = [];
  for (const choice of choices) {
    const some = await list({ [name]: choice });
    assert.deepEqual(new Set(some.map((one) => one[name])), new Set(some.length ? [choice] : []));
    listed.push(...some);
  }
  const idOf = (one) => one.id ?? one.key;
  const whole = await list();
  assert.deepEqual(listed.map(idOf).sort(), whole.filter((one) => one[name] !== undefined).map(idOf).sort());
}

test('the contract has 108 operations, and each has a sample and a level', () => {
  assert.equal(operations.size, 108);
  assert.deepEqual(ids.toSorted(), [...operations.keys()].toSorted());
  assert.deepEqual(Object.keys(levels).toSorted(), [...operations.keys()].toSorted());
});

test('every operation answers as the contract says', async (t) => {
  const w = await World.start(t);

  await t.test('with success, or with an honest refusal', async (t) => {
    for (const id of ids)
      await t.test(id, async () => {
        if (levels[id].level !== 'refused') return void (await w.perform(id));
        const refusal = await w.perform(id).then(
          () => assert.fail(`${id} is said to be refused`),
          (error) => error,
        );
        assert.ok(refusal instanceof ApiError, String(refusal));
        assert.ok([403, 404].includes(refusal.status) && !refusal.code.startsWith('request.'), refusal.message);
      });
  });

  await t.test('401 without a key of its own', async (t) => {
    for (const id of ids) await t.test(id, () => withoutKey(w, id));
  });

  await t.test('403 to a web page', async (t) => {
    for (const id of ids) await t.test(id, () => fromAPage(w, id));
  });

  await t.test('404 for an id that is none', async (t) => {
    const named = ids.filter((id) => operation(id).pathParameters.length > 0 && !reasonAgainst(id, 404));
    for (const id of named) await t.test(id, () => unknownIds(w, id));
  });

  await t.test("404 for what is another account's", async (t) => {
    const named = ids.filter((id) => operation(id).pathParameters.length > 0 && !reasonAgainst(id, 404));
    for (const id of named) await t.test(id, () => notTheirs(w, id));
  });

  await t.test('a list walked one by one is the list', async (t) => {
    const takes = (id, name) => operation(id).query.some((one) => one.name === name);
    for (const id of ids.filter((one) => one.endsWith('.list') && takes(one, 'cursor') && takes(one, 'limit')))
      await t.test(id, () => walked(w, id));
  });

  await t.test('a filter gives what it names', async (t) => {
    for (const id of ids.filter((one) => one.endsWith('.list')))
      for (const [name, values] of filtersOf(id))
        // Once more when something happened in between: a run is under way.
        await t.test(`${id} ${name}`, () => eventually(() => filtered(w, id, name, values)));
  });

  await t.test('400 for a body that is none', async (t) => {
    const bodied = ids.filter((id) => operation(id).body);
    for (const id of bodied) await t.test(id, () => brokenBody(w, id));
  });

  await t.test('refusals with a reason of their own', async (t) => {
    for (const [id, status, code, call] of conflicts)
      await t.test(`${id} ${status}`, async (t) => {
        const refusal = await call(w, t).then(
          () => assert.fail('it was granted'),
          (error) => error,
        );
        assert.ok(refusal instanceof ApiError, String(refusal));
        assert.deepEqual({ id: refusal.operation, status: refusal.status }, { id, status }, refusal.message);
        assert.equal(refusal.code, code);
      });
  });

  await t.test('no error status of the contract is left out without a reason', async (t) => {
    const { coverage } = w.local;
    assert.deepEqual(strayReasons(operations), [], 'reasons for nothing');
    for (const id of ids)
      await t.test(id, () => {
        const { errors } = operation(id);
        assert.deepEqual(
          errors.filter((status) => !coverage.has(id, status) && !reasonAgainst(id, status)),
          [],
          'never seen',
        );
        assert.deepEqual(
          errors.filter((status) => coverage.has(id, status) && reasonAgainst(id, status)),
          [],
          'said to be impossible',
        );
      });
  });

  // After the count above: what a fault brings about proves nothing of the operation, only of its wording.
  await t.test('a fault of every status that the contract lists for a breakdown', async (t) => {
    for (const id of ids) await t.test(id, () => faulted(w, id));
  });

  await t.test('a read is repeated until the fault is over', async () => {
    const body = JSON.stringify({ match: { operation: 'spaces.get' }, status: 503, retryAfterSeconds: 0, count: 2 });
    await w.local.raw('POST', '/_local/faults', { headers: { 'content-type': 'application/json' }, body });
    assert.equal((await w.bctrl.spaces.get(w.space.id)).id, w.space.id);
  });

  await w.local.stop();
});
