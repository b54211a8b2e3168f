import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Bench } from '../../bench/lib/ways.mjs';
import { BINARY } from './lib/sandbox.mjs';

// An upstream over TLS, as in the cloud. cdp-load checks every message: a lost, doubled, reordered, corrupted or stray
// one is an error.

const BUILD = dirname(BINARY);

test('commands, events and large replies pass over TLS, whole and in order', async (t) => {
  const bench = new Bench({ echo: join(BUILD, 'bench/cdp-echo'), load: join(BUILD, 'bench/cdp-load'), bridge: BINARY });
  t.after(() => bench.stop());
  await bench.echo({ tls: true });
  const bridge = await bench.bridge();
  for (const flags of [
    { clients: 1, depth: 1, size: 200, 'duration-ms': 300 },
    { clients: 32, depth: 16, size: 200, 'duration-ms': 700 },
    { clients: 2, depth: 2000, size: 200, 'duration-ms': 700 },
    { clients: 2, depth: 4, size: 100_000, 'duration-ms': 700 },
    { mode: 'events', clients: 4, count: 5000, rounds: 2, size: 1000, attach: 'page' },
    { clients: 2, depth: 2, size: 1_000_000, 'duration-ms': 1000 },
    { clients: 1, depth: 1, size: 50_000_000, 'duration-ms': 1000 },
  ]) {
    const { messages, errors } = await bench.load(bridge, flags);
    assert.ok(messages > 0, JSON.stringify(flags));
    assert.equal(errors.total, 0, JSON.stringify({ flags, errors }));
  }
});
