import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './lib/clients.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { inventory } from './lib/inventory.mjs';
import { servePages } from './lib/pages.mjs';
import { startTwins } from './lib/twin.mjs';

// More of both for a soak.
const SECONDS = Number(process.env.TOGETHER_SECONDS ?? 20);
const ROUNDS = Number(process.env.TOGETHER_ROUNDS ?? 3);

// chromedriver first: it starts on the latest page there is, and that one must stay while it does.
const [FIRST, ...OTHERS] = ['chromedriver', 'playwright', 'puppeteer', 'cri', 'devtoolsmcp', 'playwrightmcp'];

async function startSix(t, sandbox, address, site) {
  const start = (kind) => Client.start(t, sandbox, kind, { address, site });
  const first = await start(FIRST);
  return [first, ...(await Promise.all(OTHERS.map(start)))];
}

async function leave(t, clients) {
  await Promise.all(clients.map((client) => client.leave()));
  for (const { kind, rounds } of clients) t.diagnostic(`${kind}: ${rounds} rounds`);
}

test(`six kinds of clients share one runtime for ${SECONDS} seconds`, async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const before = await inventory(daemon);

  const clients = await startSix(t, daemon.sandbox, daemon.http, site);
  const enough = delay(SECONDS * 1000, undefined, { ref: false });
  await Promise.all(clients.map((client) => client.works(2)));
  await Promise.race([enough, ...clients.map(({ failed }) => failed)]);
  assert.ok((await daemon.bridge()).clients >= clients.length);
  await daemon.oneConnection();

  await leave(t, clients);
  await daemon.quiet();
  await eventually(async () => assert.deepEqual((await inventory(daemon)).rows, before.rows));
  await daemon.oneConnection();
  await daemon.stop();
});

test(`${ROUNDS} rounds of the six together fail neither without the bridge nor with it`, async (t) => {
  const site = await servePages(t);
  const { chromium, daemon } = await startTwins(t);
  for (const [where, address] of [['without', chromium.http], ['with', daemon.http]])
    await t.test(where, async (t) => {
      const clients = await startSix(t, daemon.sandbox, address, site);
      await Promise.all(clients.map((client) => client.works(ROUNDS)));
      await leave(t, clients);
    });
  await daemon.quiet();
  await daemon.stop();
  await chromium.kill();
});
