import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { Cdp } from './lib/cdp.mjs';
import { attach as playwrightClient } from './lib/clients/playwright.mjs';
import { attach as puppeteerClient } from './lib/clients/puppeteer.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { inventory } from './lib/inventory.mjs';
import { pngSize, servePages } from './lib/pages.mjs';

const ROUNDS = Number(process.env.E2E_ROUNDS ?? 6);
const SIZE = { width: 640, height: 480 };

/** Clicks `times` more and sees each of them. */
async function use(client, times) {
  const before = await client.count();
  for (let i = 0; i < times; ++i) await client.click();
  assert.equal(await client.count(), before + times, client.name);
  assert.equal(await client.title(), 'Bridge test page', client.name);
}

async function round(daemon, site, turn) {
  // Each in a context of its own, as three strangers would.
  const clients = await Promise.all([
    playwrightClient({ address: daemon.http, site, viewport: SIZE }),
    puppeteerClient({ address: daemon.http, site, viewport: SIZE }),
    puppeteerClient({ address: daemon.ws, site, viewport: SIZE }),
  ]);
  await Promise.all(clients.map((client) => use(client, 3)));
  for (const client of clients) assert.deepEqual(pngSize(await client.screenshot()), SIZE, client.name);
  assert.equal((await daemon.bridge()).clients, 3);
  await daemon.oneConnection();

  // They leave one after another, each round another one first; the others do not notice.
  for (let i = 0; i < turn % 3; ++i) clients.push(clients.shift());
  while (clients.length > 0) {
    await clients.shift().leave();
    await Promise.all(clients.map((client) => use(client, 1)));
    await eventually(async () => assert.equal((await daemon.bridge()).clients, clients.length));
    await daemon.oneConnection();
  }
}

test(`Playwright and both forms of Puppeteer share one runtime, ${ROUNDS} rounds`, async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const before = await inventory(daemon);
  const { targets } = await daemon.quiet();

  for (let turn = 0; turn < ROUNDS; ++turn) {
    await round(daemon, site, turn);
    await daemon.quiet();
  }

  await eventually(async () => assert.deepEqual(await inventory(daemon), before));
  assert.equal((await daemon.quiet()).targets, targets, 'no target is left');
  await daemon.oneConnection();
  await daemon.stop();
});

test('a client that vanishes without a word leaves nothing behind either', async (t) => {
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const before = await inventory(daemon);
  const script = `
    import puppeteer from '${import.meta.resolve('puppeteer-core')}';
    const browser = await puppeteer.connect({ browserWSEndpoint: '${daemon.ws}' });
    await browser.version();
    console.log('attached');
    setInterval(() => {}, 1000);`;
  const client = daemon.sandbox.start(process.execPath, ['--input-type=module', '--eval', script]);
  await eventually(() => assert.match(client.stdout, /attached/), { within: 60_000 });
  client.kill('SIGKILL');
  await client.end();
  await daemon.quiet();
  await eventually(async () => assert.deepEqual(await inventory(daemon), before));
  await daemon.stop();
});

test('clients see popups, forms and downloads of their own pages', async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  const browser = await chromium.connectOverCDP(daemon.http);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(site);

  const [popup] = await Promise.all([context.waitForEvent('page'), page.click('#popup')]);
  await popup.waitForLoadState();
  assert.equal(await popup.title(), 'Popup');

  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  assert.equal(download.suggestedFilename(), 'file.txt');

  await page.fill('#word', '42');
  await page.click('#send');
  assert.equal(await page.textContent('#said'), '42');

  await browser.close();
  await daemon.quiet();
  await daemon.stop();
});

test('a page address of /json/list takes a plain WebSocket and ends with its page', async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  const owner = await puppeteer.connect({ browserURL: daemon.http });
  const page = await owner.newPage();
  await page.goto(site);

  const row = await eventually(async () => {
    const list = await (await fetch(`${daemon.http}/json/list`)).json();
    const found = list.find(({ url }) => url === site);
    assert.equal(found.type, 'page');
    assert.equal(found.title, 'Bridge test page'); // Chromium tells it a moment after the load
    return found;
  });

  const cdp = await Cdp.connect(row.webSocketDebuggerUrl);
  await cdp.send('Inspector.enable');
  const { result } = await cdp.send('Runtime.evaluate', { expression: 'document.title' });
  assert.deepEqual(result, { type: 'string', value: 'Bridge test page' });

  await page.close();
  const { code } = await soon(cdp.closed, 'the end of the page socket');
  assert.ok([1000, 1005, 1006].includes(code), `an end that is no fault of ours, as Chrome's: ${code}`);
  const last = cdp.events.at(-1);
  assert.deepEqual(last, { method: 'Inspector.detached', params: { reason: 'target_closed' } });
  await assert.rejects(Cdp.connect(row.webSocketDebuggerUrl), /refused/, 'the page is gone for good');

  await owner.disconnect();
  await daemon.quiet();
  await daemon.stop();
});
