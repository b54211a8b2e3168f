import { cpuRatios, ratioTable, runInTurn } from '../lib/ratios.mjs';

const LOADS = [
  { name: 'command, 1 client, depth 1, 200 B', flags: { clients: 1, depth: 1, size: 200, 'duration-ms': 1500 } },
  { name: 'command, 64 clients, depth 16, 200 B', flags: { clients: 64, depth: 16, size: 200, 'duration-ms': 2000 } },
  { name: 'event, 1 client, 1 KB', flags: { mode: 'events', clients: 1, count: 20000, rounds: 5, size: 1000, attach: 'page' } },
  { name: 'event, 8 clients, 1 KB', flags: { mode: 'events', clients: 8, count: 5000, rounds: 3, size: 1000, attach: 'page' } },
  { name: 'reply, 1 MB', flags: { clients: 1, depth: 2, size: 1000000, 'duration-ms': 1500 } },
  { name: 'reply, 50 MB', flags: { clients: 1, depth: 1, size: 50000000, 'duration-ms': 3000 } },
];

/** CPU per message beside proxies that pass bytes on. With `tls` the upstream is wss and clients are not. */
export async function proxies(bench, { repetitions, tls = false }) {
  await bench.echo({ tls });
  const ways = [bench.direct(), await bench.haproxy('tcp'), await bench.haproxy('http'), await bench.nginx(), await bench.bridge()];
  const rows = cpuRatios(await runInTurn(bench, ways, LOADS, repetitions), ways);
  await bench.stopAll();
  return {
    title: tls ? 'CPU per message, upstream over TLS' : 'CPU per message',
    text: [
      'The ratio to HAProxy in HTTP mode, taken inside each repetition, all ways in turn: median of ' +
        `${repetitions} (range). HAProxy and nginx pass bytes on; the bridge takes frames apart, checks, renames and routes them.`,
      ratioTable(rows),
    ],
    rows,
  };
}
