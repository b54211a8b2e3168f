import { readFileSync } from 'node:fs';
import { median, round, table } from '../lib/ratios.mjs';

const KB = 1024;

const statusOf = (pid, key) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${key}:\\s+(\\d+)`))[1]);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** From the start of the process to the line that it prints when every port answers, in ms. */
async function startUp(bench) {
  const begun = performance.now();
  const bridge = await bench.bridge({ until: /Paste one of these/ });
  const took = performance.now() - begun;
  await bench.stopOne(bridge);
  return took;
}

export async function memory(bench, { repetitions }) {
  const rows = [];
  await bench.echo();
  const starts = [];
  for (let i = 0; i < 20; ++i) starts.push(await startUp(bench));
  rows.push(['start to ready, without a backend, ms', `${round(median(starts))} (${round(Math.min(...starts))}–${round(Math.max(...starts))})`]);

  const clients = 1000;
  const idle = await bench.bridge({ more: ', limits: {clients: 1100}' });
  await sleep(500);
  const alone = statusOf(idle.pid, 'VmRSS');
  rows.push(['RSS of a daemon with one bridge and no client, MiB', round(alone / KB)]);
  // For the first one code is paged in: that is not what one more costs.
  await bench.load({ ...idle, pid: undefined }, { mode: 'idle', clients: 1, 'duration-ms': 500 });
  const before = statusOf(idle.pid, 'VmRSS');
  rows.push(['RSS of the same, the runtime connected, MiB', round(before / KB)]);
  const held = bench.load(idle, { mode: 'idle', clients, 'duration-ms': 4000 });
  await sleep(3000);
  const crowded = statusOf(idle.pid, 'VmRSS');
  await held;
  rows.push([`memory per idle client, of ${clients}, KB`, round((crowded - before) / clients)]);
  await bench.stopOne(idle);

  const extra = [];
  for (let i = 0; i < repetitions; ++i) {
    const bridge = await bench.bridge();
    await bench.load(bridge, { clients: 1, depth: 1, size: 200, 'duration-ms': 300 });
    const before = statusOf(bridge.pid, 'VmRSS');
    await bench.load(bridge, { clients: 1, depth: 1, size: 50_000_000, 'duration-ms': 2000 });
    extra.push((statusOf(bridge.pid, 'VmHWM') - before) / KB);
    await bench.stopOne(bridge);
  }
  rows.push(['extra memory while 50 MB replies pass to a client that reads, MiB', `${round(median(extra))} (${round(Math.min(...extra))}–${round(Math.max(...extra))})`]);
  await bench.stopAll();
  return { title: 'Memory and start', text: [table(['what', 'value'], rows)] };
}
