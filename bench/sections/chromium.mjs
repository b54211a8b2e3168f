import { createRequire } from 'node:module';
import { median, round, spread, table } from '../lib/ratios.mjs';

const require = createRequire(new URL('../../tests/e2e/package.json', import.meta.url));
const { chromium: playwright } = require('playwright-core');

const PAGE = `data:text/html,<title>bench</title><h1>0</h1><input><button onclick="
  document.querySelector('h1').textContent = ++window.n || (window.n = 1)">more</button>`;
const ACTIONS = 200;

/** A script of 200 actions as people write them: fill, click, read, wait. Its time in ms. */
async function script(endpoint) {
  const browser = await playwright.connectOverCDP(endpoint);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(PAGE);
  const begun = performance.now();
  for (let i = 0; i < ACTIONS / 4; ++i) {
    await page.fill('input', `text ${i}`);
    await page.click('button');
    await page.waitForFunction((n) => window.n === n, i + 1);
    if ((await page.textContent('h1')) !== String(i + 1)) throw new Error('the page does not count');
  }
  const took = performance.now() - begun;
  await context.close();
  await browser.close();
  return took;
}

/** What a flood of evaluations costs another client of the same page. */
async function besideFlood(bench, way, repetitions) {
  const evaluate = { mode: 'evaluate', attach: 'page', clients: 1, 'duration-ms': 2000 };
  const seen = [[], [], [], [], []];
  for (let i = 0; i < repetitions; ++i) {
    const alone = (await bench.load(way, { ...evaluate, depth: 1 })).lat_us;
    const flood = bench.load(way, { ...evaluate, depth: 1000, 'duration-ms': 4500 });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const beside = (await bench.load(way, { ...evaluate, depth: 1 })).lat_us;
    [alone.p50, beside.p50, alone.p99, beside.p99, (await flood).msgs_per_s].forEach((value, k) => seen[k].push(value));
  }
  return seen.map((values) => round(median(values)));
}

/** The same with a real browser behind it, straight and through the bridge. */
export async function chromium(bench, { repetitions }) {
  const direct = await bench.chromium();
  const bridge = await bench.bridge();
  const loads = [
    { name: 'Runtime.evaluate, p50 round trip', flags: { mode: 'evaluate', attach: 'page', clients: 1, depth: 1, 'duration-ms': 2000 } },
    { name: 'Page.captureScreenshot, p50', flags: { mode: 'screenshot', attach: 'page', clients: 1, depth: 1, 'duration-ms': 3000 } },
  ];
  const ratios = new Map();
  const put = (name, value) => ratios.set(name, [...(ratios.get(name) ?? []), value]);
  for (let i = 0; i < repetitions; ++i) {
    for (const { name, flags } of loads) {
      const straight = (await bench.load(direct, flags)).lat_us.p50;
      put(name, (await bench.load(bridge, flags)).lat_us.p50 / straight);
    }
    const straight = await script(direct.http);
    put(`a Playwright script of ${ACTIONS} actions, time`, (await script(`http://127.0.0.1:${bridge.port}`)) / straight);
  }
  const beside = [];
  for (const way of [direct, bridge]) beside.push([way.name, ...(await besideFlood(bench, way, repetitions))]);
  await bench.stopAll();
  return {
    title: 'With a real Chromium',
    text: [
      `Through the bridge over straight, taken inside each of ${repetitions} repetitions: median (range).`,
      table(['what', 'ratio'], [...ratios].map(([name, values]) => [name, spread(values)])),
      'Round trip of `Runtime.evaluate`, µs, of a client with one at a time, alone and beside another with 1000 in flight on the same ' +
        'page. Chromium takes one command after the other; the bridge gives it a few of the heavy client at a time.',
      table(['way', 'p50 alone', 'p50 beside', 'p99 alone', 'p99 beside', 'evaluations per s of the heavy one'], beside),
    ],
  };
}
