import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { servePages } from './lib/pages.mjs';
import { Wire } from './lib/wire.mjs';

test('what a Playwright client has set up survives a cut of the connection', async (t) => {
  const site = await servePages(t);
  const chromium = await Chromium.start(t);
  const way = await Wire.start(t, chromium.port);
  const daemon = await Daemon.start(t, { config: CONFIG.replace('runtime: {name: main}', `upstream: "${way.http}"`) });
  const browser = await playwright.connectOverCDP(daemon.http);
  const context = await browser.newContext({ locale: 'de-DE', viewport: { width: 640, height: 480 } });
  const page = await context.newPage();
  const said = [];
  page.on('console', (message) => message.type() === 'log' && said.push(message.text()));
  await page.exposeFunction('double', (number) => 2 * number);
  await page.route('**/api', (route) => route.fulfill({ body: 'routed' }));
  await page.goto(site);
  await page.evaluate(() => console.log('before'));
  for (const round of [1, 2]) {
    way.cut();
    // A question that is on its way fails; the next one is answered.
    await eventually(async () => assert.equal(await page.title(), 'Bridge test page'));
    assert.equal(await page.evaluate(() => double(21)), 42, 'the exposed function');
    assert.equal(await page.evaluate(() => fetch('/api').then((reply) => reply.text())), 'routed');
    assert.deepEqual(await page.evaluate(() => [navigator.language, innerWidth]), ['de-DE', 640]);
    await page.click('#more');
    assert.equal(await page.textContent('#count'), String(round));
    await page.evaluate((round) => console.log(`after ${round}`), round);
    const other = await context.newPage();
    await other.goto(site);
    await other.close();
  }
  await page.goto(`${site}?again`);
  assert.equal(await page.evaluate(() => double(4)), 8);
  assert.ok(browser.isConnected());
  await eventually(() => assert.deepEqual(said, ['before', 'after 1', 'after 2']));
  await browser.close();
  await daemon.quiet();
  assert.ok(way.cuts >= 2);
  await daemon.stop();
  await chromium.kill();
});

test('Puppeteer, too, comes to the end of a navigation whose events are cut off', async (t) => {
  const site = await servePages(t);
  const chromium = await Chromium.start(t);
  const way = await Wire.start(t, chromium.port);
  const daemon = await Daemon.start(t, { config: CONFIG.replace('runtime: {name: main}', `upstream: "${way.http}"`) });
  const browser = await puppeteer.connect({ browserURL: daemon.http });
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  for (let round = 1; round <= 5; ++round) {
    way.cutBehind('"result":{"frameId"'); // the answer to Page.navigate
    const response = await page.goto(`${site}?${round}`);
    assert.equal(response.status(), 200);
    assert.equal(way.cuts, round);
  }
  // Its request was heard, its response was not.
  await page.evaluate((url) => void setTimeout(() => location.assign(url), 200), `${site}?unheard`);
  way.cutBehind('"Network.requestWillBeSent"', { stayDown: true });
  const [response] = await Promise.all([
    page.waitForNavigation(),
    eventually(() => assert.equal(way.cuts, 6)).then(() => delay(500)).then(() => way.up()),
  ]);
  assert.equal(response, null);
  assert.match(page.url(), /unheard$/);
  await browser.disconnect();
  await daemon.stop();
  await chromium.kill();
});
