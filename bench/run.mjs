// Measures the daemon beside what it is compared with, and writes docs/performance.md.
//   node bench/run.mjs BUILD_DIR [--repetitions N] [--out DIR] [SECTION...]
// All sections, or those that are named; the others in the document stay as they were measured last in this build.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeReport } from './lib/report.mjs';
import { Bench } from './lib/ways.mjs';
import { chromium } from './sections/chromium.mjs';
import { counts } from './sections/counts.mjs';
import { fairness } from './sections/fairness.mjs';
import { memory } from './sections/memory.mjs';
import { micro } from './sections/micro.mjs';
import { profile } from './sections/profile.mjs';
import { proxies } from './sections/proxies.mjs';
import { scale } from './sections/scale.mjs';

const SECTIONS = {
  proxies,
  wss: (bench, options) => proxies(bench, { ...options, tls: true }),
  counts,
  profile,
  micro,
  memory,
  fairness,
  scale,
  chromium,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { repetitions: { type: 'string', default: '5' }, out: { type: 'string', default: 'docs' } },
});
const [build, ...wanted] = positionals;
const unknown = wanted.find((name) => !(name in SECTIONS));
if (!build || unknown) throw new Error(`usage: node bench/run.mjs BUILD_DIR [${Object.keys(SECTIONS).join('|')}]...`);

const results = join(build, 'bench/results');
const fileOf = (name) => join(results, `${name}.json`);
mkdirSync(results, { recursive: true });
const bench = new Bench({
  echo: join(build, 'bench/cdp-echo'),
  load: join(build, 'bench/cdp-load'),
  bridge: join(build, 'bctrl-bridge'),
});
try {
  for (const name of wanted.length ? wanted : Object.keys(SECTIONS)) {
    process.stderr.write(`${name} ...\n`);
    const section = await SECTIONS[name](bench, { build, repetitions: Number(values.repetitions) });
    console.log(`## ${section.title}\n\n${section.text.join('\n\n')}\n`);
    writeFileSync(fileOf(name), JSON.stringify({ ...section, date: new Date().toISOString().slice(0, 10) }));
  }
} finally {
  await bench.stop();
}
const measured = Object.keys(SECTIONS).filter((name) => existsSync(fileOf(name)));
writeReport(values.out, measured.map((name) => JSON.parse(readFileSync(fileOf(name), 'utf8'))));
