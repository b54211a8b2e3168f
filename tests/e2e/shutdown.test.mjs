import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { upgrade } from './lib/http.mjs';

/** A page of the client, with a session. */
async function openPage(cdp) {
  const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  return (expression) =>
    cdp.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
}

const after = (ms, value) => `new Promise((done) => setTimeout(done, ${ms}, ${value}))`;
const forEver = 'new Promise(() => {})';

for (const way of ['the verb', 'a signal'])
  test(`a drain by ${way} lets a command finish, lets nobody in, and ends what is ours`, async (t) => {
    const daemon = await Daemon.start(t, { config: CONFIG.replace('bridges:', 'drain: 20s\nbridges:') });
    const cdp = await Cdp.connect(daemon.ws);
    const evaluate = await openPage(cdp);
    const slow = evaluate(after(3000, 42));
    await eventually(async () => assert.equal((await daemon.bridge()).pending, 1));
    const begun = performance.now();
    const verb = way === 'the verb' ? daemon.cli('shutdown', '--drain', '20s') : daemon.program.kill('SIGTERM');
    await delay(500);
    const refused = await upgrade(daemon.ws).catch((error) => error);
    assert.notEqual(refused.status, 101, 'a client is let in while the daemon ends');
    assert.equal((await slow).result.value, 42);
    const { code } = await cdp.closed;
    assert.equal(code, 1001);
    assert.equal(await daemon.program.end(), 0);
    assert.ok(performance.now() - begun < 15_000, 'it waits no longer than for the command');
    if (way === 'the verb') assert.equal((await verb).code, 0);
    assert.deepEqual(daemon.sandbox.browsers(), []);
  });

test('a command that never ends delays a drain by its time; a second signal does not wait', async (t) => {
  const config = CONFIG.replace('bridges:', 'drain: 2s\nbridges:');
  const daemon = await Daemon.start(t, { config });
  const evaluate = await openPage(await Cdp.connect(daemon.ws));
  evaluate(forEver).catch(() => {});
  await eventually(async () => assert.equal((await daemon.bridge()).pending, 1));
  const begun = performance.now();
  daemon.program.kill('SIGTERM');
  assert.equal(await daemon.program.end(), 0);
  const took = performance.now() - begun;
  assert.ok(took >= 2000 && took < 12_000, `${took} ms`);

  const hurried = await Daemon.start(t, { config: config.replace('2s', '60s') });
  const again = await openPage(await Cdp.connect(hurried.ws));
  again(forEver).catch(() => {});
  await eventually(async () => assert.equal((await hurried.bridge()).pending, 1));
  hurried.program.kill('SIGTERM');
  await delay(1200); // sooner it is taken for an echo of the first
  assert.ok(hurried.program.running);
  hurried.program.kill('SIGTERM');
  assert.notEqual(await hurried.program.end(), 0);
  assert.match(hurried.program.stdout, /browsers of the local backend end with it/);
  await eventually(() => assert.deepEqual(hurried.sandbox.browsers(), []));
});

test('clients: exclusive lets one in at a time, in the order of their coming', async (t) => {
  const daemon = await Daemon.start(t, { config: CONFIG.replace('port: 0, runtime', 'port: 0, clients: exclusive, runtime') });
  const first = await Cdp.connect(daemon.ws);
  const come = [];
  const others = [];
  for (const name of ['second', 'third', 'fourth']) {
    others.push(Cdp.connect(daemon.ws).then((cdp) => (come.push(name), cdp)));
    await delay(200);
  }
  assert.ok((await first.send('Browser.getVersion')).product);
  assert.deepEqual(come, []);
  assert.equal((await daemon.bridge()).clients, 1);
  await first.close();
  for (const [i, other] of others.entries()) {
    const cdp = await other;
    assert.deepEqual(come, ['second', 'third', 'fourth'].slice(0, i + 1));
    assert.ok((await cdp.send('Browser.getVersion')).product);
    assert.equal((await daemon.bridge()).clients, 1);
    await cdp.close();
  }
  await daemon.oneConnection();
  await daemon.stop();
});
