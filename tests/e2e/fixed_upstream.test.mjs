import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium as playwright } from 'playwright-core';
import { Cdp } from './lib/cdp.mjs';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { upgrade } from './lib/http.mjs';
import { servePages } from './lib/pages.mjs';

const config = (upstream) => CONFIG.replace('runtime: {name: main}', `upstream: "${upstream}"`);

async function useWithPlaywright(address, site) {
  const browser = await playwright.connectOverCDP(address);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(site);
  await page.click('#more');
  assert.equal(await page.textContent('#count'), '1');
  await browser.close();
}

for (const form of ['http', 'ws']) {
  test(`a bridge to any Chromium by its ${form} address works, and the browser outlives the daemon`, async (t) => {
    const site = await servePages(t);
    const chromium = await Chromium.start(t);
    const daemon = await Daemon.start(t, { config: config(chromium[form]) });
    const status = await daemon.status();
    assert.equal(status.backend.kind, 'none', 'no REST, no local backend');
    assert.equal(status.bridges[0].state, 'cold', 'not connected before somebody attaches');

    await Promise.all([useWithPlaywright(daemon.http, site), useWithPlaywright(daemon.ws, site)]);
    const bridge = await daemon.quiet();
    assert.deepEqual([bridge.state, bridge.runtimeId, bridge.runId], ['live', null, null]);
    await daemon.stop();

    const direct = await Cdp.connect(chromium.ws);
    assert.ok((await direct.send('Browser.getVersion')).product, 'still there');
    await direct.close();
    await chromium.kill();
  });
}

test('a browser that dies takes the clients along with 1012, and the next attach finds the next browser', async (t) => {
  const chromium = await Chromium.start(t);
  const daemon = await Daemon.start(t, { config: config(chromium.http) });
  const clients = await Promise.all([Cdp.connect(daemon.ws), Cdp.connect(daemon.ws)]);
  const { targetId } = await clients[0].send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await clients[0].send('Target.attachToTarget', { targetId, flatten: true });
  const unanswered = clients[0].send('Runtime.evaluate', { expression: 'new Promise(() => {})', awaitPromise: true }, sessionId);

  await chromium.kill();
  // Each command gets an answer, before the close.
  await assert.rejects(unanswered, /^Error: -?\d+ /);
  for (const client of clients) {
    const { code, reason } = await soon(client.closed, 'the close');
    assert.equal(code, 1012);
    assert.match(reason, /^\[UPSTREAM_LOST\] /);
  }
  await eventually(async () => {
    const bridge = await daemon.bridge();
    assert.deepEqual([bridge.state, bridge.failure.code], ['cold', 'UPSTREAM_LOST']);
  });

  const refused = await upgrade(daemon.ws);
  assert.equal(refused.status, 503);
  assert.match(refused.body, /^bctrl-bridge: \[UPSTREAM_REFUSED\] .*refused/i);
  const up = await daemon.cli('up', 'main');
  assert.equal(up.code, 8);
  assert.match(up.stderr, /^bctrl-bridge: \[UPSTREAM_REFUSED\] [^\n]+\n$/);

  const next = await Chromium.start(t, { port: chromium.port });
  const cdp = await Cdp.connect(daemon.ws);
  assert.ok((await cdp.send('Browser.getVersion')).product);
  await cdp.close();
  await daemon.stop();
  await next.kill();
});

test('Browser.close of a client ends that client, not the browser', async (t) => {
  const chromium = await Chromium.start(t);
  const daemon = await Daemon.start(t, { config: config(chromium.http) });
  const [leaver, stayer] = await Promise.all([Cdp.connect(daemon.ws), Cdp.connect(daemon.ws)]);
  assert.deepEqual(await leaver.send('Browser.close'), {});
  assert.equal((await soon(leaver.closed, 'the close')).code, 1000);
  assert.ok((await stayer.send('Browser.getVersion')).product);
  await assert.rejects(stayer.send('Browser.crash'), /-32000 Not allowed/);
  assert.ok((await stayer.send('Browser.getVersion')).product);
  await stayer.close();
  await daemon.stop();
  await chromium.kill();
});

test('stop lets go of the browser without ending it', async (t) => {
  const chromium = await Chromium.start(t);
  const daemon = await Daemon.start(t, { config: config(chromium.ws) });
  const cdp = await Cdp.connect(daemon.ws);
  assert.equal((await daemon.ask('stop', 'main')).state, 'cold');
  assert.equal((await soon(cdp.closed, 'the close')).code, 1001);
  const again = await Cdp.connect(daemon.ws);
  assert.ok((await again.send('Browser.getVersion')).product);
  await again.close();
  await daemon.stop();
  await chromium.kill();
});
