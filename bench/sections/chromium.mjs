import { createRequire } from 'node:module';
import { spread, table } from '../lib/ratios.mjs';

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
  await bench.stopAll();
  return {
    title: 'With a real Chromium',
    text: [`Through the bridge over straight, taken inside each of ${repetitions} repetitions: median (range).`,
      table(['what', 'ratio'], [...ratios].map(([name, values]) => [name, spread(values)]))],
  };
}
