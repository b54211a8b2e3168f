// Compares the ways to one upstream: CPU per message as a ratio to HAProxy in HTTP mode, taken inside each repetition, all
// ways in turn. Prints a Markdown table.
//   node bench/compare.mjs BUILD_DIR [REPETITIONS]
import { join } from 'node:path';
import { Bench } from './lib/ways.mjs';

const [build, repetitions = '5'] = process.argv.slice(2);
if (!build) throw new Error('usage: node bench/compare.mjs BUILD_DIR [REPETITIONS]');

const LOADS = [
  { name: 'command, 1 client, depth 1, 200 B', flags: { clients: 1, depth: 1, size: 200, 'duration-ms': 1500 } },
  { name: 'command, 64 clients, depth 16, 200 B', flags: { clients: 64, depth: 16, size: 200, 'duration-ms': 2000 } },
  { name: 'event, 1 client, 1 KB', flags: { mode: 'events', clients: 1, count: 20000, rounds: 5, size: 1000, attach: 'page' } },
  { name: 'event, 8 clients, 1 KB', flags: { mode: 'events', clients: 8, count: 5000, rounds: 3, size: 1000, attach: 'page' } },
  { name: 'reply, 1 MB', flags: { clients: 1, depth: 2, size: 1000000, 'duration-ms': 1500 } },
  { name: 'reply, 50 MB', flags: { clients: 1, depth: 1, size: 50000000, 'duration-ms': 3000 } },
];
const REFERENCE = 'HAProxy HTTP';

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const round = (value) => value.toFixed(value < 10 ? 2 : 1);
const spread = (values) => `${round(median(values))} (${round(Math.min(...values))}–${round(Math.max(...values))})`;

const bench = new Bench({
  echo: join(build, 'bench/cdp-echo'),
  load: join(build, 'bench/cdp-load'),
  bridge: join(build, 'bctrl-bridge'),
});
try {
  const ways = [await bench.echo(), await bench.haproxy('tcp'), await bench.haproxy('http'), await bench.nginx(), await bench.bridge()];
  const results = new Map(); // load name -> way name -> [report]
  for (let i = 0; i < Number(repetitions); ++i)
    for (const { name, flags } of LOADS)
      for (const way of ways) {
        const report = await bench.load(way, flags);
        if (!results.has(name)) results.set(name, new Map(ways.map((each) => [each.name, []])));
        results.get(name).get(way.name).push(report);
      }
  const proxies = ways.filter(({ pid }) => pid);
  console.log(`CPU per message, ratio to ${REFERENCE}: median of ${repetitions} interleaved repetitions (range)\n`);
  console.log(`| load | ${REFERENCE}, µs | ${proxies.map(({ name }) => name).join(' | ')} | p50 of the bridge over direct |`);
  console.log(`|---|---|${proxies.map(() => '---|').join('')}---|`);
  for (const [name, byWay] of results) {
    const cpu = (way) => byWay.get(way).map(({ proxy }) => proxy.cpu_us_per_msg);
    const reference = cpu(REFERENCE);
    const ratios = proxies.map((way) => spread(cpu(way.name).map((value, i) => value / reference[i])));
    const direct = byWay.get('direct').map(({ lat_us }) => lat_us.p50);
    const slower = byWay.get('bridge').map(({ lat_us }, i) => lat_us.p50 / direct[i]);
    console.log(`| ${name} | ${round(median(reference))} | ${ratios.join(' | ')} | ${spread(slower)} |`);
  }
} finally {
  await bench.stop();
}
