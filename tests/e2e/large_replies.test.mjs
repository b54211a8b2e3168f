import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { Wire } from './lib/wire.mjs';

// Replies that pass through the bridge before they are all there.

const MB = 1 << 20;

/** A text of `size` characters, some of two and three bytes and some that JSON escapes, made alike here and in a page. */
const textOf = (size) => {
  const piece = 'plain "quoted" back\\slash\n é € 😀 '.repeat(100);
  return piece.repeat(Math.ceil(size / piece.length)).slice(0, size);
};
const hash = (text) => createHash('sha256').update(text).digest('hex');

async function startBehind(t) {
  const chromium = await Chromium.start(t);
  const wire = await Wire.start(t, chromium.port);
  const config = CONFIG.replace('runtime: {name: main}', `upstream: "${wire.http}"`);
  return { chromium, wire, daemon: await Daemon.start(t, { config }) };
}

test('large replies arrive as they were, to several clients at once', async (t) => {
  const { chromium, daemon } = await startBehind(t);
  const browser = await playwright.connectOverCDP(daemon.http);
  const other = await puppeteer.connect({ browserURL: daemon.http });
  const pages = [await (await browser.newContext()).newPage(), await other.newPage()];
  await Promise.all(
    pages.map(async (page) => {
      for (const size of [60_000, 64 * 1024, 70_000, MB, 12 * MB]) {
        const got = await page.evaluate(`(${textOf})(${size})`);
        assert.equal(got.length, size);
        assert.equal(hash(got), hash(textOf(size)), `${size} characters`);
      }
    }),
  );
  await other.disconnect();
  await browser.close();
  await daemon.stop();
  await chromium.kill();
});

test('a connection that is cut in the middle of a large reply costs its command, and nothing else', async (t) => {
  const { chromium, wire, daemon } = await startBehind(t);
  const browser = await playwright.connectOverCDP(daemon.http);
  const other = await puppeteer.connect({ browserURL: daemon.http });
  const page = await (await browser.newContext()).newPage();
  const bystander = await other.newPage();
  await bystander.evaluate('window.here = 1');
  let cuts = 0;
  for (const after of [1000, 200_000, 5 * MB]) {
    wire.cutAfterBytes(after);
    const asked = page.evaluate(`(${textOf})(${10 * MB})`);
    await assert.rejects(soon(asked, 'an answer'), /navigated or closed|context was destroyed/);
    await eventually(async () => assert.equal((await daemon.bridge()).state, 'live'));
    assert.equal(wire.cuts, ++cuts);
    // The same page, of the same browser, over a new connection.
    assert.equal(hash(await page.evaluate(`(${textOf})(${MB})`)), hash(textOf(MB)));
    assert.equal(await bystander.evaluate('window.here'), 1);
  }
  assert.ok(browser.isConnected() && other.connected);
  await other.disconnect();
  await browser.close();
  await daemon.stop();
  await chromium.kill();
});
