import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { coverageDocument } from '../../tools/coverage.mjs';
import { levels } from './contract/levels.mjs';
import { targetOf } from './contract/refusals.mjs';
import { operations } from './lib/contract.mjs';
import { Local } from './lib/local.mjs';

const DOCUMENT = join(import.meta.dirname, '../../docs/api-coverage.md');

test('docs/api-coverage.md is what tools/coverage.mjs writes, and names all 108 operations', () => {
  const document = coverageDocument();
  assert.equal(readFileSync(DOCUMENT, 'utf8'), document, 'run tools/coverage.mjs');
  assert.equal(operations.size, 108);
  for (const id of operations.keys()) assert.ok(document.includes(`\n| ${id} | `), id);
});

test('what is not full says how or why', () => {
  const silent = Object.entries(levels).filter(
    ([, { level, note }]) => ['reduced', 'refused'].includes(level) && !note,
  );
  assert.deepEqual(silent, []);
});

test('no operation answers 404 or 501 by omission', async (t) => {
  const local = await Local.start(t);
  for (const { id, method } of operations.values())
    await t.test(id, async () => {
      // Whatever it thinks of ids that are none and of a body that is missing: it knows the operation.
      const { status, body } = await local.raw(method, targetOf(id, []));
      assert.ok(![405, 501].includes(status), `${status}`);
      if (status === 404 && body !== '') assert.doesNotMatch(body.code, /^request\./);
    });
  await local.stop();
});
