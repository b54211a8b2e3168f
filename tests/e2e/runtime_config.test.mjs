import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { processesOf } from './lib/processes.mjs';
import { serveHttpProxy, serveSocksProxy } from './lib/proxies.mjs';

const PIXEL = Buffer.from('R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==', 'base64');

/** A page that loads an image and a script, and tells what its requests say of the browser. Yields its port. */
async function serveSite(t) {
  const seen = [];
  const server = http.createServer(({ url, headers }, reply) => {
    seen.push({ url, headers });
    if (url === '/pixel.gif') return reply.writeHead(200, { 'content-type': 'image/gif' }).end(PIXEL);
    if (url === '/script.js') return reply.writeHead(200, { 'content-type': 'text/javascript' }).end('loaded = true');
    const body = '<!doctype html><link rel="icon" href="data:,"><img src="/pixel.gif"><script src="/script.js"></script>';
    return reply.writeHead(200, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, resolve)); // for both names, 127.0.0.1 and localhost
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: server.address().port, seen };
}

/** A runtime with this config, started and driven. Yields {browser, run, lifecycle, stop}. */
async function drive(daemon, config) {
  const made = await daemon.rest('POST', '/v1/runtimes', { config });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { status, body } = await daemon.rest('POST', `/v1/runtimes/${made.body.id}/start`);
  assert.equal(status, 200, JSON.stringify(body));
  const browser = await chromium.connectOverCDP(body.connectUrl);
  const events = async (query = '') => (await daemon.rest('GET', `/v1/runs/${body.runId}/events${query}`)).body.data;
  const [lifecycle] = await events('?type=runtime.lifecycle');
  const stop = async () => {
    await browser.close();
    assert.equal((await daemon.rest('POST', `/v1/runtimes/${made.body.id}/stop`)).status, 200);
  };
  return { id: made.body.id, run: body.runId, browser, lifecycle, events, stop };
}

test('viewport, user agent, locale and timezone are what a page sees; what has no effect is named', async (t) => {
  const site = await serveSite(t);
  const daemon = await Daemon.start(t);
  const fingerprint = {
    viewport: { width: 903, height: 702 },
    userAgent: 'Tested/1.0',
    locale: ['de-DE', 'en'],
    timezone: 'Asia/Tokyo',
  };
  const config = { fingerprint, stealth: 'best', autoUpgrade: true, forceOpenShadowRoots: true };
  const { browser, lifecycle, stop } = await drive(daemon, config);
  assert.deepEqual(lifecycle.data.notApplied.sort(), ['autoUpgrade', 'stealth']);
  assert.deepEqual(
    lifecycle.data.applied.sort(),
    ['fingerprint.locale', 'fingerprint.timezone', 'fingerprint.userAgent', 'fingerprint.viewport', 'forceOpenShadowRoots'],
  );
  const look = () => ({
    size: [innerWidth, innerHeight],
    userAgent: navigator.userAgent,
    language: navigator.language,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    shadow: document.body.attachShadow({ mode: 'closed' }) === document.body.shadowRoot,
  });
  const [context] = browser.contexts();
  const [page] = context.pages();
  await page.goto(`http://127.0.0.1:${site.port}/`);
  const expected = { userAgent: 'Tested/1.0', language: 'de-DE', zone: 'Asia/Tokyo', shadow: true };
  assert.deepEqual(await page.evaluate(look), { size: [903, 702], ...expected });
  assert.deepEqual(await page.evaluate(() => navigator.languages), ['de-DE', 'en']);
  const { headers } = site.seen.find(({ url }) => url === '/');
  assert.equal(headers['user-agent'], 'Tested/1.0');
  assert.match(headers['accept-language'], /^de-DE,/);
  // A controller's own context has them, too (of a list of locales the first), and the size that the controller wants.
  const other = await (await browser.newContext({ viewport: { width: 500, height: 400 } })).newPage();
  await other.goto(`http://127.0.0.1:${site.port}/`);
  assert.deepEqual(await other.evaluate(look), { size: [500, 400], ...expected });
  await stop();
  await daemon.stop();
});

test('a time zone or locale that Chromium does not take is not said to be applied', async (t) => {
  const daemon = await Daemon.start(t);
  const unknown = await daemon.rest('POST', '/v1/runtimes', { config: { fingerprint: { timezone: 'Mars/Phobos' } } });
  assert.equal(unknown.status, 400);
  assert.equal(unknown.body.details.field, 'config.fingerprint.timezone');
  // Two names of one zone are no refusal, and neither is a region.
  const fine = await drive(daemon, { fingerprint: { timezone: 'Asia/Kolkata', locale: 'de-AT' } });
  assert.deepEqual(fine.lifecycle.data.applied.sort(), ['fingerprint.locale', 'fingerprint.timezone']);
  assert.equal(fine.lifecycle.data.notApplied, undefined);
  await fine.stop();
  for (const locale of ['de_DE', 'q']) {
    const odd = await drive(daemon, { fingerprint: { timezone: 'UTC', locale } });
    assert.deepEqual(odd.lifecycle.data.applied, ['fingerprint.timezone'], locale);
    assert.deepEqual(odd.lifecycle.data.notApplied, ['fingerprint.locale'], locale);
    assert.match(odd.lifecycle.data.refused['fingerprint.locale'], /./);
    await odd.stop();
  }
  await daemon.stop();
});

test('lists and types keep requests back, beside a controller that intercepts for itself', async (t) => {
  const site = await serveSite(t);
  const daemon = await Daemon.start(t);
  const networkTraffic = { urlAllowlist: ['127.0.0.1'], urlBlocklist: ['*://*/script.js'], blockResourceTypes: ['image'] };
  const { browser, events, stop } = await drive(daemon, { networkTraffic });
  const page = await (await browser.newContext()).newPage();
  const routed = [];
  await page.route('**/*', (route) => {
    routed.push(route.request().url());
    return route.continue();
  });
  await page.goto(`http://127.0.0.1:${site.port}/`);
  await eventually(async () => {
    const failed = (await events('?type=network.failed')).map(({ data }) => [data.url.split('/').pop(), data.errorText]);
    assert.deepEqual(failed.map(([name]) => name).sort(), ['pixel.gif', 'script.js'], JSON.stringify(failed));
  });
  assert.deepEqual(site.seen.map(({ url }) => url), ['/']);
  assert.ok(routed.length > 0);
  const fetched = await page.evaluate((url) => fetch(url).then(() => 'yes', () => 'no'), `http://localhost:${site.port}/x`);
  assert.equal(fetched, 'no');
  await assert.rejects(page.goto(`http://localhost:${site.port}/`), /ERR_BLOCKED_BY_CLIENT/);
  await page.waitForURL('chrome-error://chromewebdata/'); // its page comes behind the error
  assert.deepEqual(site.seen.map(({ url }) => url), ['/']);
  await page.unroute('**/*');
  await page.goto(`http://127.0.0.1:${site.port}/again`);
  await stop();
  await daemon.stop();
});

test('the lists hold for the first document of a page, however it is opened', async (t) => {
  const site = await serveSite(t);
  const daemon = await Daemon.start(t);
  const { id, browser, stop } = await drive(daemon, { networkTraffic: { urlAllowlist: ['127.0.0.1'] } });
  const [good, evil] = ['127.0.0.1', 'localhost'].map((host) => (path) => `http://${host}:${site.port}/${path}`);
  const page = await browser.contexts()[0].newPage();
  await page.goto(good('first'));
  const open = (url, how) => page.evaluate(([at, features]) => void window.open(at, '_blank', features), [url, how]);
  const cdp = await browser.newBrowserCDPSession();
  const { browserContextId } = await cdp.send('Target.createBrowserContext');
  const targets = `/v1/runtimes/${id}/targets`;
  for (let round = 0; round < 3; ++round) {
    await open(evil('opened'), '');
    await open(evil('apart'), 'noopener');
    await cdp.send('Target.createTarget', { url: evil('created') });
    await cdp.send('Target.createTarget', { url: evil('elsewhere'), browserContextId });
    assert.equal((await daemon.rest('POST', targets, { uri: evil('asked') })).status, 400);
  }
  await open(good('opened'), '');
  await cdp.send('Target.createTarget', { url: good('elsewhere'), browserContextId });
  assert.equal((await daemon.rest('POST', targets, { uri: good('asked') })).status, 201);
  await eventually(() => {
    const paths = site.seen.map(({ url }) => url);
    for (const path of ['/opened', '/elsewhere', '/asked']) assert.ok(paths.includes(path), `${path} of ${paths}`);
  });
  const strangers = site.seen.filter(({ headers }) => headers.host.startsWith('localhost'));
  assert.deepEqual(strangers.map(({ url }) => url), []);
  await stop();
  await daemon.stop();
});

test('what a page says too loudly costs it neither its run nor its rules', async (t) => {
  const site = await serveSite(t);
  const daemon = await Daemon.start(t);
  const { run, browser, events, stop } = await drive(daemon, { networkTraffic: { urlBlocklist: ['*://*/script.js'] } });
  const page = await browser.contexts()[0].newPage();
  await page.goto(`http://127.0.0.1:${site.port}/`);
  // Nothing of it comes back to the controller, which would not bear it either.
  await page.evaluate(() => {
    setTimeout(() => console.log('x'.repeat(70 << 20)));
    return new Promise((said) => setTimeout(said, 100));
  }).catch(() => {});
  await eventually(async () => {
    const dropped = (await events('?type=runtime.lifecycle')).filter(({ name }) => name === 'events.dropped');
    assert.ok(dropped.some(({ data }) => data.reason === 'event_too_large'), JSON.stringify(dropped));
  }, { within: 30_000 });
  assert.equal((await daemon.rest('GET', `/v1/runs/${run}`)).body.status, 'active');
  assert.ok(!site.seen.some(({ url }) => url === '/script.js'));
  await stop();
  await daemon.stop();
});

for (const [protocol, serve] of [['http', serveHttpProxy], ['socks5', serveSocksProxy]]) {
  test(`a ${protocol} proxy gets the login, and nobody else does`, async (t) => {
    const site = await serveSite(t);
    const word = 'canary-proxy-password';
    const proxy = await serve(t, `anna:${word}`);
    const daemon = await Daemon.start(t);
    daemon.sandbox.secrets.add(word, "a proxy's password");
    const at = { protocol, host: '127.0.0.1', port: proxy.port, username: 'anna' };
    const { id, browser, lifecycle, stop } = await drive(daemon, { proxy: { ...at, password: word } });
    assert.deepEqual(lifecycle.data.applied, ['proxy']);
    assert.equal(lifecycle.data.notApplied, undefined);
    const page = await (await browser.newContext()).newPage();
    for (let visit = 0; visit < 3; ++visit) {
      await page.goto(`http://127.0.0.1:${site.port}/${visit}`);
      assert.equal(await page.evaluate(() => loaded), true);
    }
    // Chromium asks for things of its own, too.
    assert.ok(proxy.served.some((asked) => asked.includes(`127.0.0.1:${site.port}`)), proxy.served);
    assert.deepEqual(proxy.refused, []);
    for (const { headers } of site.seen) assert.equal(headers['proxy-authorization'], undefined);
    const { body } = await daemon.rest('GET', `/v1/runtimes/${id}`);
    assert.equal(body.config.proxy.hasPassword, true);
    assert.ok(!JSON.stringify(body).includes(word));
    const commands = processesOf(daemon.sandbox.dir).map(({ command }) => command);
    assert.ok(commands.some((command) => command.includes('--proxy-server')));
    assert.ok(commands.every((command) => !command.includes(word) && !command.includes('anna')), 'not in argv');
    await stop();

    // With another password nothing gets through, and nothing goes round.
    const before = site.seen.length;
    const wrong = await drive(daemon, { proxy: { ...at, password: 'wrong' } });
    const outside = await (await wrong.browser.newContext()).newPage();
    const reply = await outside.goto(`http://127.0.0.1:${site.port}/`).catch(() => null);
    assert.notEqual(reply?.status(), 200);
    assert.equal(site.seen.length, before);
    assert.ok(proxy.refused.length > 0);
    await wrong.stop();
    await daemon.stop();
  });
}

test('an idle runtime stops after its time, a driven one does not', async (t) => {
  const daemon = await Daemon.start(t);
  const { id, browser, run } = await drive(daemon, { idleTimeoutSeconds: 2 });
  const page = await browser.newPage();
  const since = Date.now();
  while (Date.now() - since < 4000) await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  const left = Date.now();
  await browser.close();
  // Whoever asks for the runtime or the run uses it; the list of runs does not.
  const stopped = async () => {
    const { body } = await daemon.rest('GET', '/v1/runs');
    const mine = body.data.find((each) => each.id === run);
    assert.equal(mine.status, 'stopped');
    return mine;
  };
  await eventually(stopped, { within: 20_000 });
  assert.ok(Date.now() - left >= 1900, `after ${Date.now() - left} ms`);
  const { body } = await daemon.rest('GET', `/v1/runs/${run}/events?type=runtime.lifecycle`);
  assert.equal(body.data.at(-1).data.reason, 'idle_timeout');
  assert.equal((await daemon.rest('GET', `/v1/runtimes/${id}`)).body.status, 'stopped');
  await daemon.stop();
});
