import { readFileSync } from 'node:fs';
import { median, round, table } from '../lib/ratios.mjs';

const rssOf = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;

async function listTime(bridge) {
  const times = [];
  let targets = 0;
  for (let i = 0; i < 10; ++i) {
    const begun = performance.now();
    targets = (await (await fetch(`http://127.0.0.1:${bridge.port}/json/list`)).json()).length;
    times.push(performance.now() - begun);
  }
  return { targets, ms: median(times) };
}

/** In ms: a reload of what runs already, of new rules for every bridge, of one bridge more, and of all of them anew. */
async function reloadTimes(bench) {
  const every = (more) => bench.config.replace(/(- \{name: .*)\}$/gm, `$1, ${more}}`);
  const times = [];
  for (const config of [
    bench.config,
    every('limits: {clients: 7}'),
    `${every('limits: {clients: 7}')}  - {name: one-more, port: 0, upstream: "${bench.upstream.url}"}\n`,
    bench.config.replaceAll(bench.upstream.url, `${bench.upstream.url}?another`),
  ])
    times.push((await bench.reload(config)).ms);
  return times;
}

/** How costs grow with clients, commands in flight, targets and bridges. */
export async function scale(bench, { repetitions }) {
  const byClients = [];
  for (const clients of [1, 16, 64, 256, 1000]) {
    await bench.echo();
    const bridge = await bench.bridge({ more: ', limits: {clients: 1100}' });
    const cpu = [];
    for (let i = 0; i < repetitions; ++i)
      cpu.push((await bench.load(bridge, { clients, depth: Math.max(1, 1024 / clients) | 0, size: 200, 'duration-ms': 1000 })).proxy.cpu_us_per_msg);
    byClients.push([clients, round(median(cpu))]);
    await bench.stopAll();
  }
  const byTargets = [];
  for (const targets of [10, 100, 1000, 10_000]) {
    await bench.echo({ targets });
    const bridge = await bench.bridge();
    // A client wakes it.
    const { proxy } = await bench.load(bridge, { clients: 1, depth: 64, size: 200, 'duration-ms': 1000 });
    const { targets: listed, ms } = await listTime(bridge);
    byTargets.push([targets, listed, round(ms), round(ms * 1000 / listed), round(proxy.cpu_us_per_msg)]);
    await bench.stopAll();
  }
  const byBridges = [];
  for (const bridges of [1, 10, 100]) {
    await bench.echo();
    const begun = performance.now();
    const bridge = await bench.bridge({ until: /Paste one of these/, bridges });
    const ready = performance.now() - begun;
    const rss = rssOf(bridge.pid);
    const { proxy } = await bench.load(bridge, { clients: 16, depth: 16, size: 200, 'duration-ms': 1000 });
    const reloads = await reloadTimes(bench);
    byBridges.push([bridges, round(ready), round(rss), round(proxy.cpu_us_per_msg), ...reloads.map(round)]);
    await bench.stopAll();
  }
  return {
    title: 'Scale',
    text: [
      'CPU per command of 200 B, 1024 in flight in all:',
      table(['clients', 'µs'], byClients),
      'Targets of the browser, with one client at work:',
      table(['targets', 'in /json/list', 'ms', 'µs per target', 'CPU per command, µs'], byTargets),
      'Bridges of one daemon:',
      table(['bridges', 'start to ready, ms', 'RSS, MiB', 'CPU per command on one of them, µs',
        'reload, nothing changed, ms', 'every limit changed, ms', 'one more, ms', 'all anew, ms'], byBridges),
    ],
  };
}
