import { join } from 'node:path';
import { countCalls, countInstructions } from '../lib/counts.mjs';
import { round, table } from '../lib/ratios.mjs';

const LOADS = [
  { name: '1 client, depth 1, 200 B', flags: { clients: 1, depth: 1, size: 200 } },
  { name: '64 clients, depth 16, 200 B', flags: { clients: 64, depth: 16, size: 200 } },
];

/** What one command costs in things that can be counted. */
export async function counts(bench, { build }) {
  const rows = [];
  for (const { name, flags } of LOADS) {
    await bench.echo();
    const { allocations, calls } = await countCalls(bench, join(build, 'tests/count_calls.so'), flags);
    const { instructions } = await countInstructions(bench, flags);
    rows.push([name, round(calls), Math.round(instructions), allocations.toFixed(4)]);
    await bench.stopAll();
  }
  return {
    title: 'Exact counts per command',
    text: [
      'The difference of a long and a short run, divided by the commands between: they repeat, whoever else uses the machine.',
      table(['load', 'system calls', 'user instructions', 'allocations'], rows),
    ],
  };
}
