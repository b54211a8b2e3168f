import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from './lib/clients.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { inventory } from './lib/inventory.mjs';
import { servePages } from './lib/pages.mjs';

const SECONDS = Number(process.env.TOGETHER_SECONDS ?? 20); // more for a soak

// chromedriver first: it starts on the latest page there is, and that one must stay while it does.
const [FIRST, ...OTHERS] = ['chromedriver', 'playwright', 'puppeteer', 'cri', 'devtoolsmcp', 'playwrightmcp'];

test(`six kinds of clients share one runtime for ${SECONDS} seconds`, async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const before = await inventory(daemon);

  const start = (kind) => Client.start(t, daemon.sandbox, kind, { address: daemon.http, site });
  const first = await start(FIRST);
  const enough = delay(SECONDS * 1000, undefined, { ref: false });
  const clients = [first, ...(await Promise.all(OTHERS.map(start)))];
  await Promise.all(clients.map((client) => client.works(2))); // one of them from its start to its end in company
  await Promise.race([enough, ...clients.map(({ failed }) => failed)]);
  assert.ok((await daemon.bridge()).clients >= clients.length);
  await daemon.oneConnection();

  await Promise.all(clients.map((client) => client.leave()));
  for (const { kind, rounds } of clients) t.diagnostic(`${kind}: ${rounds} rounds`);
  await daemon.quiet();
  await eventually(async () => assert.deepEqual((await inventory(daemon)).rows, before.rows));
  await daemon.oneConnection();
  await daemon.stop();
});
