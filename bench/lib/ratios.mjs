// Ratios taken inside each repetition, all ways in turn; their median and range.

export const REFERENCE = 'HAProxy HTTP';

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
export const round = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
export const spread = (values) => `${round(median(values))} (${round(Math.min(...values))}–${round(Math.max(...values))})`;

export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** Runs each of `loads` ({name, flags}) on every way, `repetitions` times: load name -> way name -> reports of cdp-load. */
export async function runInTurn(bench, ways, loads, repetitions) {
  const results = new Map(loads.map(({ name }) => [name, new Map(ways.map((way) => [way.name, []]))]));
  for (let i = 0; i < repetitions; ++i)
    for (const { name, flags } of loads)
      for (const way of ways) results.get(name).get(way.name).push(await bench.load(way, flags));
  return results;
}

/** For each load: CPU per message of every proxy over the reference's, and p50 of the bridge and of it over direct. */
export function cpuRatios(results, ways) {
  const proxies = ways.filter(({ pid }) => pid);
  return [...results].map(([name, byWay]) => {
    const cpu = (way) => byWay.get(way).map(({ proxy }) => proxy.cpu_us_per_msg);
    const reference = cpu(REFERENCE);
    const direct = byWay.get('direct').map(({ lat_us }) => lat_us.p50);
    return {
      name,
      reference: median(reference),
      ratios: Object.fromEntries(proxies.map((way) => [way.name, cpu(way.name).map((value, i) => value / reference[i])])),
      slower: ['bridge', REFERENCE].map((way) => byWay.get(way).map(({ lat_us }, i) => lat_us.p50 / direct[i])),
    };
  });
}

export function ratioTable(rows) {
  const proxies = Object.keys(rows[0].ratios);
  return table(
    ['load', `${REFERENCE}, µs`, ...proxies, 'p50 over direct: bridge', `p50 over direct: ${REFERENCE}`],
    rows.map(({ name, reference, ratios, slower }) => [
      name,
      round(reference),
      ...proxies.map((proxy) => spread(ratios[proxy])),
      ...slower.map(spread),
    ]),
  );
}
