import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chromium } from './lib/chromium.mjs';
import { Client } from './lib/clients.mjs';
import { inspect } from './lib/clients/frontend.mjs';
import { attach as attachPlaywright } from './lib/clients/playwright.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { inventory } from './lib/inventory.mjs';
import { pngSize, servePages } from './lib/pages.mjs';

const KINDS = [
  ['playwright', 'Playwright', ['http', 'ws']],
  ['puppeteer', 'Puppeteer', ['http', 'ws']],
  ['cri', 'chrome-remote-interface', ['http']],
  ['chromedriver', 'chromedriver, driven by Selenium,', ['http']],
  ['devtoolsmcp', 'chrome-devtools-mcp', ['http', 'ws']],
  ['playwrightmcp', '@playwright/mcp', ['http']],
  ['frontend', 'the DevTools front end', ['http']],
  ['websocket', 'a plain WebSocket', ['ws']],
];

test('every kind of client works alone and leaves nothing behind', async (t) => {
  const site = await servePages(t);
  const other = await Chromium.start(t);
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');

  for (const [kind, name, forms] of KINDS)
    for (const form of forms)
      await t.test(`${name} attaches by the ${form} address, clicks, reads and leaves`, async (t) => {
        const before = await inventory(daemon);
        const given = { address: daemon[form], site, browser: other.ws };
        const client = await Client.start(t, daemon.sandbox, kind, given);
        assert.notEqual((await daemon.bridge()).clients, 0);
        await client.works(1);
        await client.leave();
        await daemon.quiet();
        await eventually(async () => assert.deepEqual((await inventory(daemon)).rows, before.rows));
      });

  await daemon.oneConnection();
  await daemon.quiet();
  await other.kill();
  await daemon.stop();
});

test('the DevTools front end shows the tree and the picture of the page that Playwright is driving', async (t) => {
  const site = await servePages(t);
  const other = await Chromium.start(t);
  const daemon = await Daemon.start(t);
  const driver = await attachPlaywright({ address: daemon.http, site });
  const list = await (await fetch(`${daemon.http}/json/list`)).json();
  const frontend = await inspect(list.find(({ url }) => url === site), other.ws);

  for (let clicks = 1; clicks <= 3; ++clicks) {
    await driver.click();
    await eventually(async () => assert.equal(await frontend.count(), clicks));
    assert.ok(pngSize(await frontend.screenshot()).width > 100);
    assert.equal(await driver.count(), clicks);
  }
  await frontend.click();
  assert.equal(await driver.count(), 4);
  assert.equal((await daemon.bridge()).clients, 2);

  await frontend.leave();
  assert.equal(await driver.title(), 'Bridge test page');
  await driver.leave();
  await daemon.quiet();
  await daemon.oneConnection();
  await other.kill();
  await daemon.stop();
});
