import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { round, table } from '../lib/ratios.mjs';

/** The steps of a message's way, each alone. */
export async function micro(_bench, { build }) {
  const said = execFileSync(join(build, 'bench/hot-path'), ['--benchmark_format=json', '--benchmark_min_time=0.3'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const rows = JSON.parse(said).benchmarks.map((each) => {
    // Of decoding, an iteration is a receive of many messages.
    const perMessage = each.items_per_second ? 1e9 / each.items_per_second : each.cpu_time;
    const speed = each.bytes_per_second ? `${round(each.bytes_per_second / 1e9)} GB/s` : '';
    return [each.name, round(perMessage), speed, each.allocs === undefined ? '' : each.allocs.toFixed(3)];
  });
  return {
    title: 'The steps of the hot path',
    text: [
      'Google Benchmark; the number behind a name is the size of the message. The one allocation of `route_command` is the ' +
        "benchmark's own.",
      table(['step', 'ns per message', 'speed', 'allocations'], rows),
    ],
  };
}
