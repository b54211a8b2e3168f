import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { REFERENCE, median } from './ratios.mjs';

// docs/performance.md and its plot.

const first = (command, args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0];

function machine() {
  const system = readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*)"/)?.[1];
  const lines = [
    `${cpus().length} × ${cpus()[0].model.trim()}, ${system}, ${first('g++', ['--version'])}`,
    first('haproxy', ['-v']).replace(/ - https.*/, ''),
  ];
  return lines.join('; ');
}

/** Bars of the median ratios, their ranges as lines; 1 is HAProxy. */
function plot(rows) {
  const proxies = Object.keys(rows[0].ratios).filter((name) => name !== REFERENCE);
  const colours = ['#9aa5b1', '#c9b458', '#2f6fde'];
  const [left, width, bar, gap] = [230, 620, 14, 16];
  const most = Math.max(2, ...rows.flatMap(({ ratios }) => proxies.map((proxy) => Math.max(...ratios[proxy])))) * 1.05;
  const x = (value) => left + (value / most) * (width - left);
  const group = proxies.length * bar + gap;
  const height = 50 + rows.length * group;
  const shapes = rows.flatMap(({ name, ratios }, row) => {
    const top = 40 + row * group;
    return [
      `<text x="${left - 8}" y="${top + (group - gap) / 2 + 4}" text-anchor="end">${name}</text>`,
      ...proxies.flatMap((proxy, i) => {
        const [values, y] = [ratios[proxy], top + i * bar];
        return [
          `<rect x="${left}" y="${y + 1}" width="${(x(median(values)) - left).toFixed(1)}" height="${bar - 2}" fill="${colours[i % 3]}"/>`,
          `<path d="M${x(Math.min(...values)).toFixed(1)} ${y + bar / 2}H${x(Math.max(...values)).toFixed(1)}" stroke="#222"/>`,
        ];
      }),
    ];
  });
  const legend = proxies.map(
    (proxy, i) =>
      `<rect x="${left + i * 120}" y="10" width="10" height="10" fill="${colours[i % 3]}"/><text x="${left + i * 120 + 15}" y="19">${proxy}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width + 20} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${legend.join('\n')}
${shapes.join('\n')}
<path d="M${x(1).toFixed(1)} 30V${height - 10}" stroke="#c0392b" stroke-dasharray="4 3"/>
<text x="${(x(1) + 4).toFixed(1)}" y="${height - 2}" fill="#c0392b">${REFERENCE} = 1</text>
</svg>
`;
}

export function writeReport(folder, sections) {
  const [plain] = sections.filter(({ rows }) => rows);
  if (plain) writeFileSync(join(folder, 'performance.svg'), plot(plain.rows));
  const text = [
    '# Performance',
    `Written by \`make bench\`: ${machine()}.`,
    'Every run is checked message by message: a lost, doubled, reordered, corrupted or stray one ends the bench.',
    ...(plain ? ['![CPU per message, HAProxy = 1](performance.svg)'] : []),
    ...sections.flatMap(({ title, text: body, date }) => [`## ${title}`, ...body, `Measured on ${date}.`]),
  ];
  writeFileSync(join(folder, 'performance.md'), `${text.join('\n\n')}\n`);
}
