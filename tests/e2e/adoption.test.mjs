import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cdp } from './lib/cdp.mjs';
import { Cloud, Owner } from './lib/cloud.mjs';
import { eventually, soon } from './lib/eventually.mjs';

const NAMES = ['one', 'two', 'three'];

/** A page with a mark that only this very page has. */
async function openPage(bridge, mark) {
  const cdp = await Cdp.connect(bridge.ws);
  const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  await cdp.send('Runtime.evaluate', { expression: `window.mark = '${mark}'` }, sessionId);
  return { cdp, targetId, mark, http: bridge.http, ws: bridge.ws };
}

async function findPage(page) {
  const cdp = await Cdp.connect(`${page.http.replace('http', 'ws')}/devtools/page/${page.targetId}`);
  const { result } = await cdp.send('Runtime.evaluate', { expression: 'window.mark' });
  assert.equal(result.value, page.mark);
  return cdp;
}

test('kill -9 of a daemon with clients: the next one has the same addresses, runs and pages', async (t) => {
  const cloud = await Cloud.start(t);
  const other = await cloud.startUntagged('other');
  const owner = new Owner(t, cloud.origin, { names: NAMES });
  const first = await owner.start();
  for (const name of NAMES) assert.equal((await owner.cli('up', name)).code, 0);
  const before = await owner.status();
  const pages = [await openPage(before.one, 'first'), await openPage(before.two, 'second')];
  // A context of its own goes with its client, whom nobody can bring back.
  const { browserContextId } = await pages[0].cdp.send('Target.createBrowserContext', { disposeOnDetach: true });
  await pages[0].cdp.send('Target.createTarget', { url: 'about:blank', browserContextId });
  await delay(200); // the record of it is written beside the answer

  first.kill('SIGKILL');
  await first.end();
  for (const { cdp } of pages) await soon(cdp.closed, 'the end of a client');
  // As from a crash in the middle of a write.
  writeFileSync(join(owner.sandbox.env.XDG_STATE_HOME, 'bctrl-bridge', 'journal'), 'torn', { flag: 'a' });

  const second = await owner.start();
  // At once: the bridge is still looking for its run, and these wait for it.
  const again = await Promise.all(pages.map(findPage));
  for (const page of pages) await (await Cdp.connect(page.ws)).close();
  const after = await eventually(async () => {
    const status = await owner.status();
    for (const name of NAMES) assert.equal(status[name].state, 'live');
    return status;
  });
  for (const name of NAMES) {
    const facts = ({ http, ws, runId, startedHere }) => ({ http, ws, runId, startedHere });
    assert.deepEqual(facts(after[name]), facts(before[name]), name);
  }
  const cdp = await Cdp.connect(after.one.ws);
  await eventually(async () => {
    const { browserContextIds } = await cdp.send('Target.getBrowserContexts');
    assert.deepEqual(browserContextIds, [], 'the context of a client that is gone');
  });
  await cdp.close();
  for (const client of again) await client.close();

  const looked = await owner.gc('--dry-run');
  assert.equal(looked.code, 0, looked.stderr);
  assert.equal(looked.stdout.match(/in use, left alone/g).length, 3);

  second.kill('SIGTERM');
  assert.equal(await second.end(), 0);
  assert.deepEqual(await cloud.activeTagged(), []);
  assert.equal((await cloud.rest('GET', `/runtimes/${other.runtimeId}`)).activeRunId, other.runId);
  await cloud.stop();
});

test('after a clean end the address of the browser is a new one, and `on_exit: keep` keeps the run', async (t) => {
  const cloud = await Cloud.start(t);
  const owner = new Owner(t, cloud.origin, { names: ['kept'], extra: ', on_exit: keep' });
  const first = await owner.start();
  assert.equal((await owner.cli('up', 'kept')).code, 0);
  const before = (await owner.status()).kept;
  const leased = await cloud.rest('GET', `/runtimes/${before.runtimeId}`);
  assert.equal(leased.config.idleTimeoutSeconds, 30);
  first.kill('SIGTERM');
  assert.equal(await first.end(), 0);
  const left = await cloud.rest('GET', `/runtimes/${before.runtimeId}`);
  assert.equal(left.activeRunId, before.runId);
  assert.equal(left.config.idleTimeoutSeconds, 0, 'no lease without an owner');

  assert.match((await owner.gc('--own')).stdout, /left running \(on_exit: keep\)/);
  const second = await owner.start();
  const after = (await owner.status()).kept;
  assert.notEqual(after.ws.split('/').at(-1), before.ws.split('/').at(-1));
  assert.equal((await owner.cli('stop', 'kept')).code, 0);
  second.kill('SIGTERM');
  assert.equal(await second.end(), 0);
  await cloud.stop();
});

test('a bridge that is gone from the configuration: its run is stopped, and gc says what it does', async (t) => {
  const cloud = await Cloud.start(t);
  const owner = new Owner(t, cloud.origin, { names: ['old', 'new'] });
  assert.deepEqual(await owner.gc('--own'), { code: 0, stdout: 'nothing to do\n', stderr: '' });
  const first = await owner.start();
  assert.equal((await owner.cli('up', 'old')).code, 0);
  const second = await Promise.all([owner.gc('--own'), owner.cli('serve', '--config', owner.config)]);
  assert.deepEqual(second.map(({ code }) => code), [1, 1], 'one process at a time');
  assert.match(second[0].stderr, /another daemon has it/);
  first.kill('SIGKILL');
  await first.end();
  const looked = await owner.gc('--dry-run');
  assert.match(looked.stdout, /would be stopped/);
  assert.deepEqual(await cloud.activeTagged(), ['old']);

  const renamed = new Owner(t, cloud.origin, { names: ['new'] });
  renamed.sandbox.env.XDG_STATE_HOME = owner.sandbox.env.XDG_STATE_HOME;
  const third = await renamed.start();
  await cloud.untilNoneTagged(undefined, 10_000);
  third.kill('SIGTERM');
  assert.equal(await third.end(), 0);
  await cloud.stop();
});
