import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { Chromium } from './lib/chromium.mjs';
import { attach as attachDevtoolsMcp } from './lib/clients/devtoolsmcp.mjs';
import { attach as attachPlaywrightMcp } from './lib/clients/playwrightmcp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { soon } from './lib/eventually.mjs';
import { servePages } from './lib/pages.mjs';
import { Wire } from './lib/wire.mjs';

test('with resume: false, a cut connection to the browser closes everybody with 1012, and both MCP servers go on with their next call', async (t) => {
  const site = await servePages(t);
  const chromium = await Chromium.start(t);
  const wire = await Wire.start(t, chromium.port);
  const config = CONFIG.replace('runtime: {name: main}', `upstream: "${wire.http}", resume: false`);
  const daemon = await Daemon.start(t, { config });
  const given = { address: daemon.http, site, cwd: daemon.sandbox.env.HOME };
  const servers = {
    'chrome-devtools-mcp': await attachDevtoolsMcp(given),
    '@playwright/mcp': await attachPlaywrightMcp(given),
  };
  for (const server of Object.values(servers)) t.after(() => server.kill());

  for (let drop = 1; drop <= 2; ++drop) {
    const clients = await Promise.all([1, 2, 3].map(() => Cdp.connect(daemon.ws)));
    wire.cut();
    for (const { closed } of clients) {
      const { code, reason } = await soon(closed, 'the close');
      assert.equal(code, 1012);
      assert.match(reason, /^\[UPSTREAM_LOST\] \S/);
    }
    await daemon.quiet(); // a call that a server begins before it has read of the close still goes to the old connection
    for (const [name, server] of Object.entries(servers))
      await t.test(`${name} after drop ${drop}`, async () => {
        await server.open();
        assert.equal(await server.title(), 'Bridge test page');
        const before = await server.count();
        await server.click();
        assert.equal(await server.count(), before + 1);
      });
  }

  for (const server of Object.values(servers)) await server.leave();
  await daemon.quiet();
  await daemon.stop();
  await chromium.kill();
});
