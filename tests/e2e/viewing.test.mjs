import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import WebSocket from 'ws';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { upgrade } from './lib/http.mjs';
import { servePages } from './lib/pages.mjs';
import { Runtime } from './lib/runtime.mjs';

// People at a run: its live view, with and without input, and its recording.

/** What a viewer's own page does, without one. */
class Viewer {
  static async open(url) {
    const socket = new WebSocket(new URL('socket', url.replace(/^http/, 'ws')), { perMessageDeflate: false });
    const viewer = new Viewer(socket);
    await soon(once(socket, 'open'), 'the handshake');
    return viewer;
  }

  constructor(socket) {
    this.socket = socket;
    this.heard = [];
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: `${reason}` }));
    socket.on('message', (bytes) => {
      const message = JSON.parse(bytes);
      this.heard.push(message);
      if (message.type === 'frame') this.say({ type: 'drawn' });
    });
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  /** The newest message of a type, once it fits. */
  newest(type, fits = () => true) {
    return eventually(() => {
      const found = this.heard.findLast((message) => message.type === type);
      assert.ok(found && fits(found), `${type}: ${JSON.stringify(found)?.slice(0, 200)}`);
      return found;
    });
  }

  async close() {
    this.socket.close();
    return soon(this.closed, 'the close');
  }
}

/** `work(page)` on a page of somebody's own browser, which is gone afterwards. */
async function withPage(t, work) {
  const own = await Chromium.start(t);
  try {
    const browser = await chromium.connectOverCDP(own.ws);
    await work(await browser.contexts()[0].newPage());
    await browser.close();
  } finally {
    await own.kill();
  }
}

/** Paints the first page faster than its pictures are taken; `colour` comes last. */
function flicker(runtime, colour) {
  return runtime.look(`(async () => {
    for (let i = 0; i < 20; ++i) {
      document.body.style.background = i % 2 ? '#0c0' : '#00c';
      await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted, 10)));
    }
    document.body.style.background = '${colour}';
  })()`);
}

async function live(runtime, body) {
  const reply = await runtime.rest('POST', `/v1/runs/${runtime.runId}/live`, body);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  const { url } = reply.body;
  runtime.daemon.sandbox.secrets.add(url.split('/').at(-2), "a viewer's address");
  return url;
}

test('a viewer sees the page, drives it when it may, and counts as its controller only then', async (t) => {
  const daemon = await Daemon.start(t);
  const pages = await servePages(t);
  const runtime = await Runtime.start(daemon);
  await runtime.open(pages);

  await t.test('watching hinders nobody', async () => {
    const viewer = await Viewer.open(await live(runtime, {}));
    const frame = await viewer.newest('frame');
    assert.deepEqual([...Buffer.from(frame.data, 'base64').subarray(0, 3)], [0xff, 0xd8, 0xff], 'a JPEG');
    assert.ok(frame.width > 100 && frame.height > 100);
    const { pages: list, shown } = await viewer.newest('pages');
    assert.equal(list.find(({ id }) => id === shown).title, 'Bridge test page');
    const control = await viewer.newest('control');
    assert.deepEqual([control.allowed, control.held], [false, false]);
    for (const colour of ['#111', '#222', '#333']) await flicker(runtime, colour);
    const before = viewer.heard.length;
    viewer.say({ type: 'take' });
    const { x, y } = await runtime.look('({ x: more.getBoundingClientRect().x + 5, y: more.getBoundingClientRect().y + 5 })');
    for (const kind of ['down', 'up']) viewer.say({ type: 'mouse', kind, x, y, button: 'left', buttons: 1, clicks: 1 });
    await runtime.look('document.body.style.background = "#fff"');
    await eventually(() => assert.ok(viewer.heard.slice(before).some(({ type }) => type === 'frame'), 'it sees the change'));
    assert.equal(await runtime.look('count.textContent'), '0');
    await viewer.close();
  });

  await t.test('driving shuts others out, up to the moment the viewer lets go or leaves', async () => {
    const { x, y } = await runtime.look('({ x: more.getBoundingClientRect().x + 5, y: more.getBoundingClientRect().y + 5 })');
    const viewer = await Viewer.open(await live(runtime, { control: 'input' }));
    await viewer.newest('control', ({ held }) => held);
    await viewer.newest('frame');
    const invocation = await runtime.rest('POST', '/invocations', { action: 'extract' });
    assert.equal(invocation.status, 409);
    assert.equal(invocation.body.code, 'runtime.controller_busy');
    assert.equal(invocation.body.details.holder, 'human');
    const cdp = await upgrade(runtime.connectUrl);
    assert.equal(cdp.status, 409);
    assert.equal(JSON.parse(cdp.body).details.holder, 'human');
    const second = await Viewer.open(await live(runtime, { control: 'input' }));
    const other = await second.newest('control');
    assert.deepEqual([other.held, other.holder], [false, 'human']);
    await second.close();

    for (const kind of ['down', 'up']) viewer.say({ type: 'mouse', kind, x, y, button: 'left', buttons: 1, clicks: 1 });
    viewer.say({ type: 'release' });
    await viewer.newest('control', ({ held }) => !held);
    await eventually(async () => assert.equal(await runtime.look('count.textContent'), '1'));
    viewer.say({ type: 'take' });
    await viewer.newest('control', ({ held }) => held);
    await viewer.close();
    await eventually(async () => assert.equal(await runtime.look('count.textContent'), '1'));
  });

  await t.test('who drives keeps a viewer from driving', async () => {
    const socket = new WebSocket(runtime.connectUrl, { perMessageDeflate: false });
    await soon(once(socket, 'open'), 'the handshake');
    const viewer = await Viewer.open(await live(runtime, { control: 'input' }));
    const control = await viewer.newest('control');
    assert.deepEqual([control.held, control.holder], [false, 'cdp']);
    assert.ok(Date.parse(control.since) <= Date.now());
    await viewer.newest('frame');
    socket.close();
    // It is free when the daemon has noticed, which nobody tells a viewer: it asks until it may.
    await eventually(() => {
      viewer.say({ type: 'take' });
      assert.ok(viewer.heard.findLast(({ type }) => type === 'control').held);
    });
    await viewer.close();
  });

  await t.test('an address opens nothing once it has expired, nor when it is guessed', async () => {
    const url = await live(runtime, { expiresInSeconds: 5 });
    const viewer = await Viewer.open(url);
    assert.equal((await fetch(url)).status, 200);
    const { code } = await soon(viewer.closed, 'the end of the lease');
    assert.equal(code, 1008);
    assert.equal((await fetch(url)).status, 404);
    assert.equal((await fetch(`${url}page.js`)).status, 404);
    assert.equal((await upgrade(`${url}socket`)).status, 404);
    assert.equal((await fetch(url.replace(/[^/]+\/$/, `${'A'.repeat(43)}/`))).status, 404);
    for (const expiresInSeconds of [0, 86_401]) {
      const refused = await runtime.rest('POST', `/v1/runs/${runtime.runId}/live`, { expiresInSeconds });
      assert.equal(refused.status, 400);
      assert.equal(refused.body.details.field, 'expiresInSeconds');
    }
  });

  await t.test('the page works in a browser', async (t) => {
    const url = await live(runtime, { control: 'input' });
    await withPage(t, async (page) => {
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      await page.goto(url);
      await page.getByText('You drive').waitFor();
      await page.waitForFunction(() => picture.naturalWidth > 100);
      const before = await page.evaluate(() => ({ ...picture.getBoundingClientRect().toJSON(), natural: picture.naturalWidth }));
      assert.ok(before.width > 100);
      // The button is in the page's top left corner, and so it is in the picture.
      await page.mouse.click(before.x + 12 * (before.width / before.natural), before.y + 12 * (before.width / before.natural));
      await page.getByRole('button', { name: 'Let go' }).click();
      await page.getByText('You watch').waitFor();
      await eventually(async () => assert.equal(await runtime.look('count.textContent'), '2'));
      await page.getByRole('button', { name: 'Take control' }).click();
      await page.getByText('You drive').waitFor();
      await page.locator('#address').fill(`${pages}popup`);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Popup' }).waitFor();
      await page.getByRole('button', { name: 'Let go' }).click();
      await page.getByText('You watch').waitFor();
      assert.equal(await runtime.look('location.pathname'), '/popup');
      assert.deepEqual(errors, []);
    });
  });

  await t.test('the page answers every picture, drawn or not', async (t) => {
    const url = await live(runtime, {});
    const { data, ...sizes } = await (async () => {
      const viewer = await Viewer.open(url);
      const frame = await viewer.newest('frame');
      await viewer.close();
      return frame;
    })();
    await withPage(t, async (page) => {
      const answers = [];
      const say = await new Promise((resolve, reject) => {
        page.routeWebSocket(/socket$/, (socket) => {
          socket.onMessage((text) => answers.push(JSON.parse(text).type));
          resolve((...pictures) => pictures.forEach((picture) => socket.send(JSON.stringify({ ...sizes, data: picture }))));
        }).then(() => page.goto(url)).catch(reject);
      });
      const drawn = () => answers.filter((type) => type === 'drawn').length;
      say(data);
      await eventually(() => assert.equal(drawn(), 1));
      say(data, data);
      await eventually(() => assert.equal(drawn(), 3));
      say(data, data.slice(0, 40), data);
      await eventually(() => assert.equal(drawn(), 6));
      say('bm8gcGljdHVyZQ==');
      await eventually(() => assert.equal(drawn(), 7));
    });
  });

  const viewer = await Viewer.open(await live(runtime, {}));
  await viewer.newest('frame');
  await runtime.rest('POST', '/stop');
  const { code } = await soon(viewer.closed, "the run's end");
  assert.equal(code, 1001);
  const over = await runtime.rest('POST', `/v1/runs/${runtime.runId}/live`, {});
  assert.equal(over.status, 409);
  assert.equal(over.body.code, 'run.live_not_active');
  const { body: recording } = await runtime.rest('POST', `/v1/runs/${runtime.runId}/recording`, {});
  assert.equal(recording.status, 'not_available');
  await daemon.stop();
});

test('a recording shows what the page looked like, when it did, and goes with its runtime', async (t) => {
  const daemon = await Daemon.start(t, { config: CONFIG.replace('{port: 0}', '{port: 0, recording: true}') });
  const pages = await servePages(t);
  const runtime = await Runtime.start(daemon);
  await runtime.open(pages);
  const record = async () => {
    const { status, body } = await runtime.rest('POST', `/v1/runs/${runtime.runId}/recording`, { expiresInSeconds: 600 });
    assert.equal(status, 200);
    daemon.sandbox.secrets.add(body.url.split('/').at(-2), "a recording's address");
    return body;
  };
  assert.equal((await record()).status, 'preparing');
  const recorded = async (count) => {
    const { url } = await record();
    return eventually(async () => {
      const index = await (await fetch(`${url}frames`)).json();
      assert.ok(index.times.length >= count, `${index.times.length} pictures`);
      return index;
    });
  };
  /** How many pictures there are once no more come. */
  const atRest = () =>
    eventually(async () => {
      const before = await recorded(1);
      await delay(1000);
      const after = await recorded(1);
      assert.equal(after.times.length, before.times.length, 'pictures go on coming');
      return after.times.length;
    });
  const loaded = await atRest();
  await runtime.look('document.body.style.background = "#ff0"');
  await recorded(loaded + 1);
  // However fast they come, the last one is not lost.
  const changed = await atRest();
  await flicker(runtime, '#c00');
  await recorded(changed + 1);
  await atRest();
  await runtime.rest('POST', '/stop');

  const { status, url, durationSeconds } = await record();
  assert.equal(status, 'ready');
  const index = await (await fetch(`${url}frames`)).json();
  assert.ok(durationSeconds >= index.times.at(-1));
  assert.deepEqual(index.times, index.times.toSorted((a, b) => a - b));
  const last = await fetch(`${url}frames/${index.times.length - 1}`);
  assert.equal(last.headers.get('content-type'), 'image/jpeg');
  assert.equal((await fetch(`${url}frames/${index.times.length}`)).status, 404);

  await t.test('the player works in a browser', async (t) => {
    await withPage(t, async (page) => {
      await page.goto(url);
      await page.waitForFunction(() => picture.naturalWidth > 100);
      await page.getByLabel('Time').fill(String(durationSeconds));
      await page.waitForFunction((n) => picture.src.endsWith(`/frames/${n}`) && picture.complete, index.times.length - 1);
      const colour = await page.evaluate(() => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 1;
        const context = canvas.getContext('2d');
        context.drawImage(picture, picture.naturalWidth - 20, picture.naturalHeight - 20, 1, 1, 0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
      });
      assert.ok(colour[0] > 180 && colour[1] < 40 && colour[2] < 40, `red at last: ${colour}`);
    });
  });

  assert.equal((await runtime.rest('DELETE', '')).status, 200);
  assert.equal((await fetch(`${url}frames/0`)).status, 404);
  await daemon.stop();
});
