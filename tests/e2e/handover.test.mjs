import assert from 'node:assert/strict';
import { test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { chromium as playwright } from 'playwright-core';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { servePages } from './lib/pages.mjs';

/** The backend's own log: who drove, in order. Throws when there ever were two. */
function drivers(log) {
  const seen = [];
  let driving = 0;
  for (const [, who] of log.matchAll(/(driven by (?:cdp|invocation|human)|not driven by that one)/g)) {
    driving += who.startsWith('not') ? -1 : 1;
    assert.ok(driving === 0 || driving === 1, 'one drives at a time');
    if (!who.startsWith('not')) seen.push(who.slice('driven by '.length));
  }
  return seen;
}

/** Clicks and reads until `script.over`. Each click counts once, whatever happens in between. */
async function keepClicking(page, script) {
  while (!script.over) {
    await page.click('#more');
    script.clicks += 1;
    assert.equal(await page.textContent('#count'), String(script.clicks));
  }
}

const act = (selector) => ({
  action: 'act', timeoutSeconds: 20, stagehandAction: { selector, method: 'click', arguments: [], description: 'click' },
});

test('a Playwright script runs across hosted invocations in its middle', async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  const browser = await playwright.connectOverCDP(daemon.http);
  const context = await browser.newContext({ locale: 'de-DE' });
  const page = await context.newPage();
  await page.exposeFunction('double', (number) => 2 * number);
  await page.route('**/api', (route) => route.fulfill({ body: 'routed' }));
  await page.goto(site);
  const { runtimeId } = await daemon.bridge();
  const tab = await daemon.rest('POST', `/v1/runtimes/${runtimeId}/targets`, { uri: site });
  assert.equal(tab.status, 201, JSON.stringify(tab.body));

  const script = { over: false, clicks: 0 };
  const clicking = keepClicking(page, script);
  for (const round of [1, 2, 3]) {
    const activated = await daemon.rest('POST', `/v1/runtimes/${runtimeId}/targets/${tab.body.id}/activate`);
    assert.ok(activated.status < 300, JSON.stringify(activated.body));
    const input = daemon.sandbox.file('act.json', JSON.stringify(act('#more')));
    const { code, stdout, stderr } = await daemon.cli('invoke', 'main', '--input', input);
    assert.equal(code, 0, stderr + stdout);
    assert.equal(JSON.parse(stdout).status, 'succeeded');
    // Ours again, and the script goes on.
    assert.equal(await page.evaluate(() => double(21)), 42, `after round ${round}`);
    const { clicks } = script;
    await eventually(() => assert.ok(script.clicks > clicks + 1, `the script stands at ${clicks} clicks`));
  }
  script.over = true;
  await clicking;
  assert.equal(await page.evaluate(() => fetch('/api').then((reply) => reply.text())), 'routed');
  assert.equal(await page.evaluate(() => navigator.language), 'de-DE');
  await browser.close();

  // What the invocations did, in their own tab.
  const other = await puppeteer.connect({ browserURL: daemon.http });
  const pages = await other.pages();
  const counts = await Promise.all(pages.map((each) => each.evaluate(() => document.getElementById('count')?.textContent)));
  assert.ok(counts.includes('3'), JSON.stringify(counts));
  await other.disconnect();
  await daemon.quiet();
  await daemon.stop();
  assert.deepEqual(drivers(daemon.program.stderr), [
    'cdp', 'invocation', 'cdp', 'invocation', 'cdp', 'invocation', 'cdp',
  ]);
});

test('release lets another in and its clients wait; acquire takes the runtime back', async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  const browser = await puppeteer.connect({ browserURL: daemon.http });
  const page = await browser.newPage();
  await page.goto(site);
  const released = await daemon.cli('release', 'main');
  assert.equal(released.code, 0, released.stderr);
  assert.match(released.stdout, /^main {2}released {2}released by the user; `bctrl-bridge acquire main` takes it back\n$/);
  const waiting = page.title();
  const { runtimeId, controller } = await daemon.bridge();
  assert.equal(controller.holder, 'released by the user');
  const { body } = await daemon.rest('GET', `/v1/runtimes/${runtimeId}`);
  const outsider = await playwright.connectOverCDP(body.connectUrl);
  const theirs = outsider.contexts()[0].pages().find((each) => each.url() === site);
  await theirs.click('#more');
  await outsider.close();
  const acquired = await daemon.cli('acquire', 'main');
  assert.equal(acquired.code, 0, acquired.stderr);
  assert.equal(await waiting, 'Bridge test page');
  assert.equal(await page.evaluate(() => document.getElementById('count').textContent), '1');
  await eventually(async () => assert.equal((await daemon.bridge()).controller.holder, 'bridge'));
  await browser.disconnect();
  await daemon.stop();
});

test('what cannot be handed over is refused in words', async (t) => {
  const daemon = await Daemon.start(t);
  for (const [args, code, words] of [
    [['invoke', 'nobody', '--action', 'act'], 2, /NO_SUCH_BRIDGE/],
    [['invoke', 'main', '--action', 'nonsense'], 1, /\[REFUSED\] begin the invocation: 400 /],
    [['invoke', 'main', '--action', 'act', '--input', '-'], 2, /--input is the whole body/],
    [['release', 'main', '--for', 'soon'], 2, /soon is not a time; write 30s, 5m or 1h/],
    [['release', 'main', '--for', '0s'], 2, /for 0s ends at once; write 30s/],
    [['shutdown', '--drain', '1'], 2, /1 is not a time/],
  ]) {
    const refused = await daemon.cli(...args);
    assert.equal(refused.code, code, `${args.join(' ')}: ${refused.stderr}`);
    assert.match(refused.stderr, words);
  }
  const ended = await daemon.cli('shutdown', '--drain', '1s');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /^the daemon \(pid \d+\) has ended\n$/);
  assert.equal(await daemon.program.end(), 0);
});
