import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { serveBusySite } from './lib/busy_site.mjs';
import { Cdp } from './lib/cdp.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { EventStream } from './lib/sse.mjs';

const ROUNDS = Number(process.env.E2E_ROUNDS ?? 20);

/** Everything that Playwright sees one page do, in order: what the stream is held against. */
function listen(page) {
  const log = { console: [], navigations: [], requests: [], responses: [], downloads: [], errors: [] };
  page.on('console', (message) => log.console.push(message.text()));
  page.on('framenavigated', (frame) => log.navigations.push(frame.url()));
  page.on('request', (request) => log.requests.push(request.url()));
  page.on('response', (response) => log.responses.push(`${response.status()} ${response.url()}`));
  page.on('download', (download) => log.downloads.push(download.url()));
  page.on('pageerror', (error) => log.errors.push(error.message));
  return log;
}

/** The same of the stream's events. */
function told(events) {
  const of = (type, show) => events.filter((event) => event.type === type).map(show);
  const real = (url) => !url.startsWith('data:') && !url.startsWith('about:');
  return {
    console: of('console.message', ({ data }) => data.text),
    navigations: of('navigation', ({ data }) => data.url).filter(real),
    requests: of('network.request', ({ data }) => data.url).filter(real),
    responses: of('network.response', ({ data }) => `${data.status} ${data.url}`).filter((text) => !/ data:/.test(text)),
    downloads: of('download', (event) => event).filter(({ status }) => status === 'finished').map(({ data }) => data.url),
    errors: of('page.error', ({ data }) => data.message.replace(/^Error: /, '')),
  };
}

async function allEvents(daemon, run) {
  const all = [];
  for (let cursor = ''; cursor !== null; ) {
    const query = cursor ? `&cursor=${cursor}` : '';
    const { status, body } = await daemon.rest('GET', `/v1/runs/${run}/events?limit=100${query}`);
    assert.equal(status, 200);
    all.push(...body.data);
    cursor = body.nextCursor;
  }
  return all;
}

async function startedRun(daemon) {
  await daemon.ask('up', 'main');
  const { runtimeId } = await daemon.bridge();
  const { body } = await daemon.rest('GET', `/v1/runtimes/${runtimeId}`);
  return { runtimeId, run: body.activeRunId };
}

test('the stream shows what Playwright does through the bridge, as it happens, all of it and in order', async (t) => {
  const site = await serveBusySite(t);
  const daemon = await Daemon.start(t);
  const { runtimeId, run } = await startedRun(daemon);
  const path = `/v1/runs/${run}/events/stream`;
  let stream = await EventStream.open(daemon, path);
  const activity = await EventStream.open(daemon, `/v1/runs/${run}/activity/stream`);
  const browser = await chromium.connectOverCDP(daemon.http);
  const page = await (await browser.newContext({ acceptDownloads: true })).newPage();
  const log = listen(page);
  await page.goto(site.url);
  const first = await stream.seen(({ type, data }) => type === 'navigation' && data.url === site.url, 'the navigation');
  assert.equal(first.data.mainFrame, true);

  const frames = [];
  const lags = [];
  for (let round = 0; round < ROUNDS; ++round) {
    await page.evaluate((number) => work(number), round);
    const done = Date.now();
    const last = await stream.seen(({ data }) => data?.text === `round ${round} done`, `round ${round}`);
    assert.equal(last.data.level, 'warning');
    assert.equal(last.pageId, first.pageId);
    lags.push(stream.frames.find(({ data }) => data === last).came - done);
    if (round % 5 !== 4) continue;
    // Leaves and comes back: what happens meanwhile is waiting for it.
    await stream.close();
    frames.push(...stream.frames);
    await page.evaluate(() => console.log('nobody looks'));
    stream = await EventStream.open(daemon, path, { lastEventId: frames.at(-1).id });
    await stream.seen(({ data }) => data?.text === 'nobody looks', 'what nobody looked at');
  }
  lags.sort((a, b) => a - b);
  t.diagnostic(`lag behind Playwright: median ${lags[lags.length >> 1]} ms, worst ${lags.at(-1)} ms`);
  assert.ok(lags[lags.length >> 1] < 2000, `as they happen: ${lags}`);

  const downloading = page.waitForEvent('download');
  await page.click('#get');
  await (await downloading).path();
  const download = await stream.seen(({ type, status }) => type === 'download' && status === 'finished', 'the download');
  assert.equal(download.data.suggestedFilename, 'report.bin');
  assert.equal(download.data.bytes, 70_000);
  assert.equal(download.data.path, undefined);
  assert.equal(download.pageId, first.pageId);

  await page.evaluate(() => console.log('the end'));
  await stream.seen(({ data }) => data?.text === 'the end', 'the end');
  frames.push(...stream.frames);
  await eventually(() => assert.equal(log.downloads.length, 1));

  // The page's own log against the stream: nothing missing, nothing twice, the same order.
  const events = frames.map(({ data }) => data);
  const seen = told(events.filter(({ pageId }) => pageId === first.pageId));
  assert.deepEqual(seen.console, log.console);
  assert.deepEqual(seen.navigations, log.navigations);
  assert.deepEqual(seen.requests, log.requests);
  assert.deepEqual(seen.responses, log.responses);
  assert.deepEqual(seen.downloads, log.downloads);
  assert.deepEqual(
    // A link to a download is no request to Chromium's Network domain, nor to Playwright.
    [...seen.requests, ...seen.downloads].map((url) => url.slice(site.url.length - 1)),
    site.requests,
    'what the site was asked',
  );
  // The streams together are the list.
  const listed = (await allEvents(daemon, run)).map(({ id }) => id);
  assert.deepEqual(frames.map(({ id }) => id), listed.slice(0, frames.length));
  assert.equal(new Set(listed).size, listed.length);

  await daemon.oneConnection(); // the recorder is not counted
  const { body: got } = await daemon.rest('GET', `/v1/runs/${run}`);
  assert.ok(got.counts.events >= frames.length);
  await browser.close();
  await daemon.ask('stop', 'main');
  const ended = await stream.end();
  assert.equal(ended.event, 'run.ended');
  assert.equal(ended.data.status, 'stopped');
  assert.equal((await activity.end()).event, 'run.ended');
  const messages = activity.events.map(({ message }) => message);
  for (const wanted of [`Opened ${site.url}`, 'Downloaded report.bin (70000 bytes)', 'Console warning: round 0 done'])
    assert.ok(messages.includes(wanted), wanted);
  const { body: after } = await daemon.rest('GET', `/v1/runs?runtimeId=${runtimeId}`);
  assert.equal(after.data.find(({ id }) => id === run).status, 'stopped');
  await daemon.stop();
});

test('frames, workers, redirects, popups, dialogs, errors and refusals are told, each with its page', async (t) => {
  const site = await serveBusySite(t);
  const daemon = await Daemon.start(t);
  const { run } = await startedRun(daemon);
  const stream = await EventStream.open(daemon, `/v1/runs/${run}/events/stream`);
  const browser = await chromium.connectOverCDP(daemon.http);
  const context = await browser.newContext();
  const page = await context.newPage();
  const at = (path) => new URL(path, site.url).href;
  const says = (text) => stream.seen(({ type, data }) => type === 'console.message' && data.text === text, text);

  await page.goto(at('/nested'));
  const inner = await says('inner frame');
  const asked = await stream.seen(({ type, data }) => type === 'network.request' && /from=inner/.test(data.url), 'a fetch');
  assert.equal(asked.pageId, inner.pageId);
  const outer = await stream.seen(({ type, data }) => type === 'navigation' && data.url === at('/nested'), 'the page');
  assert.equal(inner.pageId, outer.pageId, 'a frame of another site belongs to its page');

  await page.goto(at('/moved'));
  const worker = await says('in the worker');
  assert.equal(worker.pageId, outer.pageId);
  await says('worker said hello');
  const moved = stream.events.filter(({ type, data }) => type === 'network.response' && data.status === 302);
  assert.deepEqual(moved.map(({ data }) => data.url), [at('/moved')]);

  await page.goto(at('/trouble'));
  await says('status 404');
  await says('refused');
  const error = await stream.seen(({ type }) => type === 'page.error', 'the error');
  assert.equal(error.data.message, 'Error: on purpose');
  const failed = await stream.seen(({ type, data }) => type === 'network.failed' && /nobody/.test(data.url), 'a failure');
  assert.match(failed.data.errorText, /^net::/);

  page.once('dialog', (dialog) => dialog.accept());
  await page.evaluate(() => confirm('sure?'));
  const asks = await stream.seen(({ type, status }) => type === 'dialog' && status === 'started', 'a dialog');
  assert.deepEqual([asks.data.kind, asks.data.message], ['confirm', 'sure?']);
  const answered = await stream.seen(({ type, status }) => type === 'dialog' && status === 'finished', 'its end');
  assert.equal(answered.data.accepted, true);

  const opening = page.waitForEvent('popup');
  await page.evaluate((url) => void window.open(url), at('/'));
  const popup = await opening;
  const begins = await says('page begins 1');
  assert.notEqual(begins.pageId, outer.pageId);
  assert.equal(begins.contextId, outer.contextId);
  await popup.close();

  await page.goto('http://127.0.0.1:1/').catch(() => {});
  const unreachable = await stream.seen(({ type, status }) => type === 'navigation' && status === 'failed', 'no page');
  assert.equal(unreachable.data.url, 'http://127.0.0.1:1/');
  await browser.close();
  await daemon.stop();
  assert.equal((await stream.end()).event, 'run.ended');
});

test('a page that is opened at an address is told of from its first request on', async (t) => {
  const site = await serveBusySite(t);
  const daemon = await Daemon.start(t);
  const { runtimeId, run } = await startedRun(daemon);
  const client = await Cdp.connect(daemon.ws);
  const ways = {
    targets: async (url) => (await daemon.rest('POST', `/v1/runtimes/${runtimeId}/targets`, { uri: url })).body.id,
    behind: async (url) => (await daemon.rest('POST', `/v1/runtimes/${runtimeId}/targets`, { uri: url, activate: false })).body.id,
    new: async (url) => (await (await fetch(`${daemon.http}/json/new?${url}`, { method: 'PUT' })).json()).id,
    cdp: async (url) => (await client.send('Target.createTarget', { url })).targetId,
  };
  const opened = [];
  for (let round = 0; round < 3; ++round)
    for (const [name, open] of Object.entries(ways)) {
      const url = `${site.url}?${name}=${round}`;
      opened.push({ url, target: await open(url) });
    }
  await eventually(async () => {
    const events = await allEvents(daemon, run);
    for (const { url, target } of opened) {
      assert.ok(target, url);
      const seen = told(events.filter(({ pageId }) => pageId === target));
      assert.deepEqual(
        seen,
        { console: ['page begins 1'], navigations: [url], requests: [url], responses: [`200 ${url}`], downloads: [], errors: [] },
        url,
      );
    }
  });
  const { body: activity } = await daemon.rest('GET', `/v1/runs/${run}/activity?limit=100`);
  for (const { url } of opened) assert.ok(activity.data.some(({ message }) => message === `Opened ${url}`), url);
  await client.close();
  await daemon.stop();
});

test('a client that waits for new pages for itself gets them, and lets them go', async (t) => {
  const site = await serveBusySite(t);
  const daemon = await Daemon.start(t);
  const { run } = await startedRun(daemon);
  const client = await Cdp.connect(daemon.ws);
  await client.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
  const url = `${site.url}?held`;
  const { targetId } = await client.send('Target.createTarget', { url });
  const session = await eventually(() => {
    const found = client.events.find(({ method, params }) => method === 'Target.attachedToTarget' && params.targetInfo.targetId === targetId);
    assert.ok(found);
    return found.params.sessionId;
  });
  await client.send('Runtime.runIfWaitingForDebugger', {}, session);
  await eventually(async () => {
    const { result } = await client.send('Runtime.evaluate', { expression: 'document.title' }, session);
    assert.equal(result.value, 'Busy');
    const seen = told((await allEvents(daemon, run)).filter(({ pageId }) => pageId === targetId));
    assert.deepEqual([seen.requests, seen.navigations], [[url], [url]]);
  });
  await client.close();
  await daemon.stop();
});
