import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { upgrade } from './lib/http.mjs';

const CLIENTS = 50;

test(`${CLIENTS} simultaneous first attaches start the runtime once`, async (t) => {
  const daemon = await Daemon.start(t);
  assert.equal((await daemon.bridge()).state, 'cold', 'nothing starts before the first client');

  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const cdp = await Cdp.connect(daemon.ws);
      const { product } = await cdp.send('Browser.getVersion');
      assert.match(product, /^(Headless)?Chrome\/\d+/);
      return cdp;
    }),
  );
  assert.equal((await daemon.bridge()).clients, CLIENTS);

  await daemon.oneConnection();
  const runs = await daemon.rest('GET', '/v1/runs');
  assert.equal(runs.body.data.length, 1);

  await Promise.all(clients.map((client) => client.close()));
  await daemon.quiet();
  await daemon.stop();
});

test('a stampede that is turned away hears why, each client of it', async (t) => {
  const nobody = '00000000-0000-4000-8000-000000000000';
  const daemon = await Daemon.start(t, { config: CONFIG.replace('{name: main}}', `{id: ${nobody}}}`) });
  const refused = await Promise.all(Array.from({ length: CLIENTS }, () => upgrade(daemon.ws)));
  for (const { status, body } of refused) {
    assert.equal(status, 503);
    assert.match(body, /^bctrl-bridge: \[RUNTIME_NOT_FOUND\] /);
  }
  assert.equal((await daemon.bridge()).clients, 0);
  await daemon.stop();
});

test('a runtime that was deleted behind our back is created anew', async (t) => {
  const daemon = await Daemon.start(t);
  const first = await daemon.ask('up', 'main');
  await daemon.ask('stop', 'main');
  assert.equal((await daemon.rest('DELETE', `/v1/runtimes/${first.runtimeId}`)).status, 200);
  // The first attach may hear of it, the next one may not.
  const told = await daemon.cli('up', 'main');
  if (told.code !== 0) assert.match(told.stderr, /\[RUNTIME_NOT_FOUND\]/);
  const second = await daemon.ask('up', 'main');
  assert.notEqual(second.runtimeId, first.runtimeId);
  await daemon.stop();
});
