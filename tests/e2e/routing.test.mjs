import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { Chromium } from './lib/chromium.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { serveTargets } from './lib/site.mjs';
import { Tree } from './lib/tree.mjs';

const evaluate = async (cdp, expression, sessionId) =>
  (await cdp.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }, sessionId)).result.value;

/** A page of the client's own: {targetId, sessionId}. */
async function openPage(cdp, url, browserContextId = undefined) {
  const { targetId } = await cdp.send('Target.createTarget', { url, browserContextId });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  // A new page is a finished about:blank before it is what was asked for.
  await eventually(async () => assert.equal(await evaluate(cdp, 'document.readyState + " " + location', sessionId), `complete ${url}`));
  return { targetId, sessionId };
}

async function start(t, upstream) {
  const config = upstream ? CONFIG.replace('runtime: {name: main}', `upstream: "${upstream}"`) : CONFIG;
  const daemon = await Daemon.start(t, { config });
  return { daemon, connect: () => Cdp.connect(daemon.ws) };
}

test('each client has its own sessions of every kind of target, and commands go where they belong', async (t) => {
  const site = await serveTargets(t);
  // The local backend watches its own browsers' pages; in this one only the bridge's clients attach to anything.
  const chromium = await Chromium.start(t);
  const { daemon, connect } = await start(t, chromium.ws);
  const clients = await Promise.all([connect(), connect()]);
  const grow = async (cdp, mark) => {
    const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank', forTab: true });
    const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
    const tree = new Tree(cdp, sessionId);
    await tree.follow(sessionId);
    const page = await tree.find('page');
    await cdp.send('Page.navigate', { url: `${site}?${mark}` }, page.sessionId);
    return { tree, page, outer: await tree.find('worker', 'outer'), inner: await tree.find('worker', 'inner'), frame: await tree.find('iframe') };
  };
  const trees = [await grow(clients[0], 'ann'), await grow(clients[1], 'bob')];

  for (const [i, { page, outer, inner, frame }] of trees.entries()) {
    const cdp = clients[i];
    assert.equal(await evaluate(cdp, 'location.search', page.sessionId), i ? '?bob' : '?ann');
    assert.equal(await evaluate(cdp, 'document.title', frame.sessionId), 'Frame');
    assert.equal(await evaluate(cdp, 'self.name', outer.sessionId), 'outer');
    assert.equal(await evaluate(cdp, 'self.name', inner.sessionId), 'inner');
    assert.deepEqual([outer.parent, inner.parent, frame.parent], [page.sessionId, outer.sessionId, page.sessionId]);
  }
  const [ann, bob] = trees.map(({ tree }) => tree.sessions.map(({ sessionId }) => sessionId));
  assert.deepEqual(ann.filter((id) => bob.includes(id)), []);
  for (const [i, cdp] of clients.entries()) {
    const foreign = i ? ann : bob;
    const named = cdp.events.flatMap(({ sessionId, params }) => [sessionId, params.sessionId]);
    assert.deepEqual(named.filter((id) => foreign.includes(id)), [], 'no event names a session of the other');
  }

  await t.test('a session of another client does not exist, and stays as it is', async () => {
    const theirs = trees[1].page.sessionId;
    await assert.rejects(clients[0].send('Runtime.evaluate', { expression: '1' }, theirs), /-32001 Session with given id not found\./);
    await assert.rejects(clients[0].send('Target.detachFromTarget', { sessionId: theirs }), /-32602 No session with given id/);
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: '1' } });
    await assert.rejects(clients[0].send('Target.sendMessageToTarget', { sessionId: theirs, message }), /-32602/);
    assert.equal(await evaluate(clients[1], 'document.title', theirs), 'Tree');
  });

  await t.test('a browser session inside the client, and a session that is not flat', async () => {
    const [cdp] = clients;
    const { sessionId } = await cdp.send('Target.attachToBrowserTarget');
    assert.match((await cdp.send('Browser.getVersion', {}, sessionId)).product, /^Chrome\//);
    const { targetInfos } = await cdp.send('Target.getTargets', {}, sessionId);
    const page = targetInfos.find(({ url }) => url.endsWith('?ann'));
    const old = await cdp.send('Target.attachToTarget', { targetId: page.targetId, flatten: false });
    const message = JSON.stringify({ id: 77, method: 'Runtime.evaluate', params: { expression: '6 * 7' } });
    await cdp.send('Target.sendMessageToTarget', { sessionId: old.sessionId, message });
    const { params } = await cdp.event('Target.receivedMessageFromTarget');
    assert.deepEqual([JSON.parse(params.message).id, JSON.parse(params.message).result.result.value], [77, 42]);
    assert.ok(!clients[1].events.some(({ method }) => method === 'Target.receivedMessageFromTarget'));
  });

  for (const cdp of clients) await cdp.close();
  await daemon.quiet();
  await t.test('when all have left, nothing in the browser is attached or theirs', async () => {
    const cdp = await connect();
    const { targetInfos } = await cdp.send('Target.getTargets');
    assert.deepEqual(targetInfos.filter(({ type, attached }) => type === 'page' && attached), []);
    const { browserContextIds } = await cdp.send('Target.getBrowserContexts');
    assert.deepEqual(browserContextIds, []);
    await cdp.close();
  });
  await daemon.stop();
  await chromium.kill();
});

test('shared and service workers have sessions like any other target', async (t) => {
  const site = await serveTargets(t);
  const { daemon, connect } = await start(t);
  const cdp = await connect();
  const page = await openPage(cdp, `${site}shared`);
  await evaluate(cdp, 'navigator.serviceWorker.register("/service.js").then(() => 1)', page.sessionId);
  for (const [type, check, answer] of [['shared_worker', 'self.name', 'shared'], ['service_worker', 'location.pathname', '/service.js']]) {
    const { targetId } = await eventually(async () => {
      // A service worker that has nothing to do is stopped soon.
      await evaluate(cdp, 'navigator.serviceWorker.ready.then(({ active }) => active.postMessage(1))', page.sessionId);
      const { targetInfos } = await cdp.send('Target.getTargets');
      const info = targetInfos.find((each) => each.type === type);
      assert.ok(info, `no ${type}`);
      return info;
    });
    const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
    assert.equal(await evaluate(cdp, check, sessionId), answer);
  }
  await cdp.close();
  await daemon.quiet();
  await daemon.stop();
});

test('the download folder of one client is his again when a later setter leaves', async (t) => {
  const site = await serveTargets(t);
  const { daemon, connect } = await start(t);
  const folder = (name) => join(daemon.sandbox.dir, name);
  for (const name of ['ann', 'bob']) mkdirSync(folder(name));
  const [ann, bob] = [await connect(), await connect()];
  const set = (cdp, name) => cdp.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder(name) });
  const page = await openPage(ann, 'about:blank');
  const download = async (name, where) => {
    await ann.send('Page.navigate', { url: `${site}download?${name}` }, page.sessionId);
    const click = { expression: 'document.querySelector("#get").click()', userGesture: true };
    await eventually(async () => assert.ok(!(await ann.send('Runtime.evaluate', click, page.sessionId)).exceptionDetails));
    await eventually(() => assert.ok(existsSync(join(folder(where), name)), `${name} is not in ${where}`));
  };
  await set(ann, 'ann');
  await download('one.bin', 'ann');
  await set(bob, 'bob');
  await download('two.bin', 'bob');
  await bob.close();
  await eventually(async () => assert.equal((await daemon.bridge()).clients, 1));
  await download('three.bin', 'ann');
  assert.deepEqual(readdirSync(folder('bob')), ['two.bin']);
  await ann.close();
  await daemon.quiet();
  await daemon.stop();
});

test('clients that come and go in a hurry leave nothing behind', async (t) => {
  const { daemon, connect } = await start(t);
  const watcher = await connect();
  const browsers = async () => {
    const { targetInfos } = await watcher.send('Target.getTargets', { filter: [{}] });
    return targetInfos.filter(({ type }) => type === 'browser').length;
  };
  const before = await browsers();
  for (let i = 0; i < 100; ++i) await (await connect()).close();
  const cut = [];
  for (let i = 0; i < 50; ++i) {
    const socket = new WebSocket(daemon.ws);
    cut.push(new Promise((resolve) => {
      for (const end of ['close', 'error']) socket.addEventListener(end, resolve);
    }));
    if (i % 2) socket.close(); // before the handshake has its answer
    else socket.addEventListener('open', () => socket.close());
  }
  await Promise.all(cut);
  await eventually(async () => {
    const { clients, sessions } = await daemon.bridge();
    assert.deepEqual([clients, sessions, await browsers()], [1, 1, before]);
  });
  await watcher.close();
  await daemon.quiet();
  await daemon.stop();
});

test('no client can close the browser, wherever he says it', async (t) => {
  const { daemon, connect } = await start(t);
  const peer = await connect();
  const peers = await openPage(peer, 'about:blank');
  const close = JSON.stringify({ id: 1, method: 'Browser.close' });
  const ways = {
    'on his own session': (cdp) => cdp.send('Browser.close'),
    'on a page': async (cdp) => cdp.send('Browser.close', {}, (await openPage(cdp, 'about:blank')).sessionId),
    'on a browser session inside': async (cdp) => cdp.send('Browser.close', {}, (await cdp.send('Target.attachToBrowserTarget')).sessionId),
  };
  for (const [way, say] of Object.entries(ways)) {
    const cdp = await connect();
    assert.deepEqual(await say(cdp), {}, way);
    assert.equal((await soon(cdp.closed, way)).code, 1000, way);
  }
  const page = await Cdp.connect(`${daemon.http.replace('http', 'ws')}/devtools/page/${peers.targetId}`);
  assert.deepEqual(await page.send('Browser.close'), {});
  assert.equal((await soon(page.closed, 'the page endpoint')).code, 1000);

  const smuggler = await connect();
  const { targetId } = await openPage(smuggler, 'about:blank');
  const old = await smuggler.send('Target.attachToTarget', { targetId, flatten: false });
  await assert.rejects(smuggler.send('Target.sendMessageToTarget', { sessionId: old.sessionId, message: close }), /-32000 Not allowed/);
  await assert.rejects(smuggler.send('Target.exposeDevToolsProtocol', { targetId }), /-32000 Not allowed/);
  for (const method of ['Browser.crash', 'Browser.crashGpuProcess']) await assert.rejects(smuggler.send(method), /-32000 Not allowed/);

  assert.equal(await evaluate(peer, '1 + 1', peers.sessionId), 2);
  await smuggler.close();
  await peer.close();
  await daemon.quiet();
  await daemon.stop();
});

test('a page that another client closes ends its page socket as in Chrome, within a second', async (t) => {
  const { daemon, connect } = await start(t);
  const cdp = await connect();
  const { targetId } = await openPage(cdp, 'about:blank');
  const page = await Cdp.connect(`${daemon.http.replace('http', 'ws')}/devtools/page/${targetId}`);
  await page.send('Page.enable');
  await cdp.send('Target.closeTarget', { targetId });
  const { code } = await soon(page.closed, 'the end of the page socket', 1_000);
  assert.equal(code, 1006);
  assert.deepEqual(page.events.at(-1), { method: 'Inspector.detached', params: { reason: 'target_closed' } });
  await cdp.close();
  await daemon.quiet();
  await daemon.stop();
});
