import { readFunctions } from '../lib/callgrind.mjs';
import { commandsOf } from '../lib/counts.mjs';
import { median, round, table } from '../lib/ratios.mjs';

const LOADS = [
  { name: '1 client, depth 1, 200 B', flags: { clients: 1, depth: 1, size: 200 } },
  { name: '64 clients, depth 16, 200 B', flags: { clients: 64, depth: 16, size: 200 } },
];
const SHOWN = 14;

/** µs per command of the program itself, and of the kernel for it, which is its system calls. */
async function halves(bench, way, flags, repetitions) {
  const halves = [];
  for (let i = 0; i < repetitions; ++i) {
    const { proxy } = await bench.load(way, { ...flags, 'duration-ms': 2000 });
    const kernel = proxy.system_ms / (proxy.user_ms + proxy.system_ms);
    halves.push([proxy.cpu_us_per_msg * (1 - kernel), proxy.cpu_us_per_msg * kernel]);
  }
  return [0, 1].map((half) => round(median(halves.map((each) => each[half]))));
}

/** User instructions per command, by function: the difference of a long and a short run. */
async function functions(bench, flags) {
  const run = async (milliseconds) => {
    const file = bench.file('callgrind.out', '');
    const bridge = await bench.bridge({ under: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${file}`] });
    await bench.load({ ...bridge, pid: undefined }, { ...flags, 'warmup-ms': 0, 'duration-ms': milliseconds });
    const commands = commandsOf(bench);
    await bench.stopOne(bridge);
    return { commands, functions: readFunctions(file) };
  };
  const [short, long] = [await run(1000), await run(6000)];
  const commands = long.commands - short.commands;
  const per = [...long.functions].map(([name, count]) => [name, (count - (short.functions.get(name) ?? 0)) / commands]);
  return per.sort(([, a], [, b]) => b - a);
}

/** Where the time of one command goes. */
export async function profile(bench, { repetitions }) {
  const times = [];
  for (const { name, flags } of LOADS) {
    await bench.echo();
    for (const way of [await bench.haproxy('http'), await bench.bridge()])
      times.push([name, way.name, ...(await halves(bench, way, flags, repetitions))]);
    await bench.stopAll();
  }
  await bench.echo();
  const found = await functions(bench, LOADS[1].flags);
  await bench.stopAll();
  const all = found.reduce((sum, [, count]) => sum + count, 0);
  const rows = found.slice(0, SHOWN).map(([name, count]) => [`\`${name}\``, Math.round(count), `${round((100 * count) / all)} %`]);
  const rest = all - found.slice(0, SHOWN).reduce((sum, [, count]) => sum + count, 0);
  return {
    title: 'Where a command goes',
    text: [
      `µs of CPU per command, in the program and in the kernel: medians of ${repetitions}.`,
      table(['load', 'way', 'program', 'kernel'], times),
      `What the program's part is, at ${LOADS[1].name}: user instructions per command of the bridge, ${Math.round(all)} in all, counted by callgrind; a ` +
        'function without what it calls, but with what was put into it.',
      table(['function', 'instructions', 'share'], [...rows, ['the rest', Math.round(rest), `${round((100 * rest) / all)} %`]]),
    ],
  };
}
