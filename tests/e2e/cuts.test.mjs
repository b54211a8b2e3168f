import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import { test } from 'node:test';
import { promisify } from 'node:util';
import puppeteer from 'puppeteer-core';
import { chromium as playwright } from 'playwright-core';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { Wire } from './lib/wire.mjs';

// Scripts that run while their connection is cut again and again. CUTS and CUT_EVERY_MS make it longer.
const CUTS = Number(process.env.CUTS ?? 8);
const EVERY = Number(process.env.CUT_EVERY_MS ?? 900);
const AWAY = Number(process.env.AWAY_MS ?? 1500);
// Run in a network namespace of its own, the test takes that network away too.
const OWN_NETWORK = process.env.OWN_NETWORK === '1';
const PATIENCE = 30_000 + 2 * AWAY;
const loopback = (state) => promisify(execFile)('ip', ['link', 'set', 'lo', state]);

// What the documentation says of a command that was in flight, and how Playwright and Puppeteer put it; and what becomes
// of a navigation when the lost one before it was done.
const LOST = /Inspected target navigated or closed|Execution context (was|is not available)|Cannot find context|Could not find object|Execution context was destroyed|is interrupted by another navigation/;
// What a browser says while nobody listens is not said again.
const UNHEARD = /Timeout .* exceeded|waiting for event|timed out/i;

/** A page that writes down what it is told to do, and where: the server keeps it, whatever becomes of the page. */
async function serveLedger(t) {
  const done = [];
  const server = http.createServer((asked, reply) => {
    const url = new URL(asked.url, 'http://ledger');
    if (url.pathname === '/done') {
      done.push({ serial: Number(url.searchParams.get('serial')), wanted: url.searchParams.get('wanted'), at: url.searchParams.get('at') });
      return reply.end('ok');
    }
    if (url.pathname === '/file') return reply.writeHead(200, { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' }).end('a file');
    return reply.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>Ledger</title>
      <button id="more" onclick="count.textContent = Number(count.textContent) + 1">more</button><output id="count">0</output>
      <a id="popup" href="/pop" target="_blank">popup</a><a id="file" href="/file" download>file</a>
      <script>
        const at = new URLSearchParams(location.search).get('page');
        async function mark(serial, wanted) { await fetch('/done?' + new URLSearchParams({ serial, wanted, at })); return serial; }
      </script>`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { done, site: `http://127.0.0.1:${server.address().port}/` };
}

let serials = 0;
/** Repeats what was in flight at a cut: with a new serial, because the lost one may have been done. */
async function again(work, alsoUnheard = false) {
  for (let tries = 0; ; ++tries) {
    try {
      return await work(++serials);
    } catch (error) {
      const known = LOST.test(error.message) || (alsoUnheard && UNHEARD.test(error.message));
      if (!known || tries > 40) throw error;
      // The lost navigation commits now: at once, each next one would be taken for interrupted by the one before it.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A close that was lost may have been done. */
const close = (page) => again(() => page.close()).catch((error) => assert.match(error.message, /No target with given id/));

async function playwrightRounds(address, site, over) {
  const browser = await playwright.connectOverCDP(address);
  let doubled = 0;
  let rounds = 0;
  const context = await again(() => browser.newContext({ locale: 'de-DE' }));
  context.setDefaultTimeout(PATIENCE);
  for (; !over.now; ++rounds) {
    const name = `playwright-${rounds}`;
    const page = await again(() => context.newPage());
    await again(() => page.exposeFunction('double', (number) => (++doubled, 2 * number))).catch((error) => {
      // The lost one had come to its end.
      assert.match(error.message, /already registered/);
    });
    await again(() => page.route('**/api', (route) => route.fulfill({ body: 'routed' }).catch(() => {})));
    await again(() => page.goto(`${site}?page=${name}`));
    // The lost goto may have been done, and its load taken for that of the next.
    await again(() => page.waitForFunction('typeof mark === "function"'));
    for (let i = 0; i < 4; ++i) {
      await again((serial) => page.evaluate(([serial, wanted]) => mark(serial, wanted), [serial, name]));
      await again(() => page.click('#more'));
    }
    assert.equal(await again(() => page.evaluate(() => double(21))), 42);
    assert.equal(await again(() => page.evaluate(() => fetch('/api').then((reply) => reply.text()))), 'routed');
    assert.equal(await again(() => page.evaluate(() => navigator.language)), 'de-DE');
    const popup = await again(async () => {
      const [opened] = await Promise.all([context.waitForEvent('page', { timeout: 2000 }), page.click('#popup')]);
      return opened;
    }, true);
    await again(() => popup.title());
    await again(async () => {
      const [download] = await Promise.all([page.waitForEvent('download', { timeout: 2000 }), page.click('#file')]);
      assert.equal(download.suggestedFilename(), 'file');
    }, true);
    await close(popup);
    await close(page);
  }
  assert.ok(browser.isConnected());
  await browser.close();
  return rounds;
}

async function puppeteerRounds(address, site, over) {
  const browser = await puppeteer.connect({ browserURL: address, protocolTimeout: PATIENCE + 30_000 });
  let rounds = 0;
  for (; !over.now; ++rounds) {
    const name = `puppeteer-${rounds}`;
    const page = await again(() => browser.newPage());
    page.setDefaultTimeout(PATIENCE);
    await again(() => page.goto(`${site}?page=${name}`));
    // The lost goto may have been done, and its load taken for that of the next.
    await again(() => page.waitForFunction('typeof mark === "function"'));
    for (let i = 0; i < 4; ++i)
      await again((serial) => page.evaluate((serial, wanted) => mark(serial, wanted), serial, name));
    assert.equal(await again(() => page.title()), 'Ledger');
    await close(page);
  }
  assert.ok(browser.connected);
  await browser.disconnect();
  return rounds;
}

function check(done) {
  const seen = new Set();
  let twice = 0;
  let elsewhere = 0;
  for (const { serial, wanted, at } of done) {
    twice += seen.has(serial) ? 1 : 0;
    elsewhere += wanted === at ? 0 : 1;
    seen.add(serial);
  }
  assert.deepEqual({ twice, elsewhere }, { twice: 0, elsewhere: 0 });
}

test(`Playwright and Puppeteer run through ${CUTS} cuts, and nothing is done twice or elsewhere`, { timeout: 1_200_000 }, async (t) => {
  const { done, site } = await serveLedger(t);
  const chromium = await Chromium.start(t);
  const wire = await Wire.start(t, chromium.port);
  const upstream = `upstream: "${wire.http}", resume_timeout: 2m`;
  const daemon = await Daemon.start(t, { config: CONFIG.replace('runtime: {name: main}', upstream) });
  const over = { now: false };
  const running = Promise.all([playwrightRounds(daemon.http, site, over), puppeteerRounds(daemon.http, site, over)]);
  const cutting = (async () => {
    while (wire.cuts < CUTS && !over.now) {
      await new Promise((resolve) => setTimeout(resolve, EVERY));
      wire.cutAfter(Math.floor(Math.random() * 40));
    }
    wire.cutAfter(Infinity);
    // And the network away for a while, once without a word and once with one.
    wire.freeze();
    await new Promise((resolve) => setTimeout(resolve, AWAY));
    wire.thaw();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    wire.down();
    await new Promise((resolve) => setTimeout(resolve, AWAY));
    wire.up();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    if (OWN_NETWORK) {
      await loopback('down');
      await new Promise((resolve) => setTimeout(resolve, AWAY));
      await loopback('up');
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
    over.now = true;
  })();
  const [rounds] = await Promise.all([running.catch((error) => {
    over.now = true;
    t.diagnostic(daemon.program.stderr.slice(-4000)); // why, as the daemon sees it
    throw error;
  }), cutting]);
  assert.ok(rounds.every((count) => count >= 1), rounds.join());
  check(done);
  const { state, failure } = await daemon.quiet();
  assert.deepEqual([state, failure], ['live', undefined]);
  t.diagnostic(`${wire.cuts} cuts, ${rounds.join(' and ')} rounds, ${done.length} marks`);
  await daemon.stop();
  await chromium.kill();
});
