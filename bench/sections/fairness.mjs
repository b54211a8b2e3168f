import { median, round, spread, table } from '../lib/ratios.mjs';

const LIGHT = { clients: 1, depth: 1, size: 200, 'duration-ms': 3000 };
const HEAVY = [
  { name: '10^5 commands in flight', flags: { clients: 1, depth: 100_000, size: 200, 'duration-ms': 6000 } },
  { name: '50 MB replies', flags: { clients: 1, depth: 1, size: 50_000_000, 'duration-ms': 6000 } },
  { name: 'a stopped reader', flags: { mode: 'events', clients: 1, count: 20_000, rounds: 1000, size: 1000, attach: 'page' }, stopped: true },
];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a heavy client does to the round trips of a light one, straight and through the bridge. */
export async function fairness(bench, { repetitions }) {
  await bench.echo();
  const ways = [bench.direct(), await bench.bridge()];
  const rows = [];
  for (const heavy of HEAVY) {
    const p99 = new Map(ways.map(({ name }) => [name, { alone: [], beside: [] }]));
    for (let i = 0; i < repetitions; ++i)
      for (const way of ways) {
        const of = p99.get(way.name);
        of.alone.push((await bench.load(way, LIGHT)).lat_us.p99);
        const other = bench.loadBeside(way, heavy.flags);
        await sleep(500);
        if (heavy.stopped) other.child.kill('SIGSTOP');
        of.beside.push((await bench.load(way, LIGHT)).lat_us.p99);
        if (other.isOver()) throw new Error(`${heavy.name}: over before it was measured beside`);
        if (heavy.stopped) other.child.kill('SIGKILL');
        await other.ended;
      }
    for (const [name, { alone, beside }] of p99)
      rows.push([heavy.name, name, round(median(alone)), round(median(beside)), spread(beside.map((value, i) => value / alone[i]))]);
  }
  await bench.stopAll();
  return {
    title: 'Fairness',
    text: [
      `p99 round trip, µs, of a client with one command of 200 B at a time, alone and beside a heavy one: median of ${repetitions}. ` +
        'Straight, both share nothing but the upstream and the machine. Through the bridge they share its connection, on which a frame ' +
        'of 50 MB is before everybody, and a core of the few there are.',
      table(['beside', 'way', 'alone', 'beside it', 'ratio (range)'], rows),
    ],
  };
}
