import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { upgrade } from './lib/http.mjs';

async function connectUrl(daemon, runtimeId) {
  const { status, body } = await daemon.rest('POST', `/v1/runtimes/${runtimeId}/start`, {});
  assert.ok(status === 200 || status === 201, `start: ${status}`);
  return body;
}

test('the bridge holds the controller lock, and somebody else may hold it against the bridge', async (t) => {
  const daemon = await Daemon.start(t, { config: CONFIG.replace('port: 0, runtime', 'port: 0, on_busy: fail, runtime') });
  await daemon.ask('up', 'main');
  const { runtimeId } = await daemon.bridge();

  await t.test('while the bridge drives, a second client straight on connectUrl gets 409', async () => {
    const { started, connectUrl: url } = await connectUrl(daemon, runtimeId);
    assert.equal(started, false, 'the run of the bridge is joined, not started anew');
    const { status, headers, body } = await upgrade(url);
    assert.equal(status, 409);
    assert.match(headers['content-type'], /^application\/json/);
    const error = JSON.parse(body);
    assert.equal(error.code, 'runtime.controller_busy');
    assert.equal(error.details.holder, 'cdp');
    assert.ok(error.requestId);
    // The refused one has not disturbed those who are inside.
    const cdp = await Cdp.connect(daemon.ws);
    assert.ok((await cdp.send('Browser.getVersion')).product);
    await cdp.close();
  });

  await t.test('after stop and a new start, the outsider is let in', async () => {
    const stopped = await daemon.ask('stop', 'main');
    assert.equal(stopped.state, 'cold');
    const { started, connectUrl: url } = await connectUrl(daemon, runtimeId);
    assert.equal(started, true);
    const outsider = await upgrade(url);
    assert.equal(outsider.status, 101);

    // Now it is the bridge that finds the lock taken, and says so in every way it can.
    const refused = await upgrade(daemon.ws);
    assert.equal(refused.status, 503);
    assert.match(refused.body, /\[CONTROLLER_BUSY\]/);
    assert.match(refused.headers['x-playwright-debug-log'], /\[CONTROLLER_BUSY\]/);
    const up = await daemon.cli('up', 'main');
    assert.equal(up.code, 6);
    assert.match(up.stderr, /^bctrl-bridge: \[CONTROLLER_BUSY\] [^\n]+\n$/);
    assert.equal((await daemon.bridge()).failure.code, 'CONTROLLER_BUSY');

    outsider.socket.destroy();
    await once(outsider.socket, 'close');
  });

  await t.test('once the outsider has left, the bridge attaches, without a new run', async () => {
    await eventually(async () => assert.equal((await daemon.cli('up', 'main')).code, 0));
    const bridge = await daemon.bridge();
    assert.equal(bridge.startedHere, false);
    assert.equal(bridge.failure, undefined);
    const cdp = await Cdp.connect(daemon.ws);
    assert.ok((await cdp.send('Browser.getVersion')).product);
    await cdp.close();
  });

  await daemon.stop();
});
