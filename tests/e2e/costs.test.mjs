import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { countCalls, countInstructions } from '../../bench/lib/counts.mjs';
import { Bench } from '../../bench/lib/ways.mjs';
import { BINARY } from './lib/sandbox.mjs';

// What a command costs, in things that can be counted: a change that makes the hot path dearer is seen on any machine,
// however busy. Times are for `make bench`.

const BUILD = dirname(BINARY);

async function withBench(t) {
  const bench = new Bench({
    echo: join(BUILD, 'bench/cdp-echo'),
    load: join(BUILD, 'bench/cdp-load'),
    bridge: BINARY,
  });
  t.after(() => bench.stop());
  await bench.echo();
  return bench;
}

const ONE = { clients: 1, depth: 1, size: 200 };
const MANY = { clients: 64, depth: 16, size: 200 };

for (const [name, load, calls] of [
  ['one command at a time', ONE, 9],
  ['64 clients, 16 commands each', MANY, 0.5],
])
  test(`system calls and allocations: ${name}`, async (t) => {
    const bench = await withBench(t);
    const counted = await countCalls(bench, join(BUILD, 'tests/count_calls.so'), load);
    t.diagnostic(JSON.stringify(counted));
    assert.ok(counted.commands > 1000, JSON.stringify(counted));
    assert.ok(counted.calls > 0 && counted.calls <= calls, JSON.stringify(counted));
    // Once in a while, not for a message: status is asked meanwhile, and the clock of the log turns.
    assert.ok(counted.allocations < 0.01, JSON.stringify(counted));
  });

for (const [name, load, instructions] of [
  ['one command at a time', ONE, 11_000],
  ['64 clients, 16 commands each', MANY, 5_000],
])
  test(`user instructions: ${name}`, async (t) => {
    const bench = await withBench(t);
    const counted = await countInstructions(bench, load);
    t.diagnostic(JSON.stringify(counted));
    assert.ok(counted.commands > 1000, JSON.stringify(counted));
    assert.ok(counted.instructions > 500 && counted.instructions <= instructions, JSON.stringify(counted));
  });
