import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { request, upgrade } from './lib/http.mjs';

// The attacker is a web page in the user's own browser: a name that resolves to us, a cross-origin WebSocket, a forged
// request. CDP is full control of a browser that may be signed in to everything.

async function pages(daemon) {
  return JSON.parse((await request(`${daemon.http}/json/list`)).body).filter(({ type }) => type === 'page').length;
}

async function opens(address, headers) {
  const { status, socket } = await upgrade(address, headers);
  socket?.destroy();
  return status;
}

test('only those who are meant to reach a local port do', async (t) => {
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const port = new URL(daemon.http).port;
  const page = JSON.parse((await request(`${daemon.http}/json/list`)).body).find(({ type }) => type === 'page');
  const sockets = { browser: daemon.ws, root: `ws://127.0.0.1:${port}/`, page: page.webSocketDebuggerUrl };

  await t.test('a foreign Host is refused everywhere, as Chrome does it', async () => {
    const foreign = ['evil.example', `evil.example:${port}`, '127.0.0.1.nip.io', 'localhost.evil.example', 'user@127.0.0.1'];
    for (const host of foreign) {
      for (const path of ['/', '/json/version', '/json/list', '/json/new', '/nothing']) {
        const { status, body } = await request(daemon.http + path, { headers: { host } });
        assert.equal(status, 500, `${host} ${path}`);
        assert.equal(body, 'Host header is specified and is not an IP address or localhost.');
      }
      for (const [name, address] of Object.entries(sockets))
        assert.equal(await opens(address, { host }), 500, `${name} socket, ${host}`);
      assert.equal((await request(`${daemon.service}/b/main/json/version`, { headers: { host } })).status, 500);
    }
  });

  await t.test('the names of this machine are taken, with or without our port', async () => {
    for (const host of ['localhost', '127.0.0.1', `127.0.0.1:${port}`, 'a.localhost:1', `[::1]:${port}`]) {
      const { status, body } = await request(`${daemon.http}/json/version`, { headers: { host } });
      assert.equal(status, 200, host);
      assert.ok(JSON.parse(body).webSocketDebuggerUrl.startsWith(`ws://${host}/devtools/browser/`), 'echoed as sent');
    }
  });

  await t.test('a WebSocket of a foreign Origin is refused and told which setting allows it', async () => {
    const foreign = ['http://evil.example', 'null', 'https://127.0.0.1', 'file://', `http://localhost.evil.example:${port}`];
    for (const origin of foreign)
      for (const [name, address] of Object.entries(sockets)) {
        const { status, body } = await upgrade(address, { origin });
        assert.equal(status, 403, `${name} socket, ${origin}`);
        assert.match(body, /allowed_origins/);
      }
    const script = await upgrade(daemon.ws, { origin: 'http://<script>alert(1)</script>' });
    assert.doesNotMatch(script.body, /<script>/, 'what is echoed is escaped');
    assert.equal((await daemon.bridge()).clients, 0);
  });

  await t.test('no Origin, our own address and the DevTools front end are let in', async () => {
    assert.equal(await opens(daemon.ws, {}), 101);
    assert.equal(await opens(daemon.ws, { origin: daemon.http }), 101);
    assert.equal(await opens(daemon.ws, { origin: 'devtools://devtools' }), 101);
    assert.equal(await opens(page.webSocketDebuggerUrl, { origin: 'devtools://devtools' }), 101);
  });

  await t.test('a forged request opens, closes and activates nothing', async () => {
    const before = await pages(daemon);
    const forged = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of forged) {
      assert.equal((await request(`${daemon.http}/json/new?about:blank`, { method: 'PUT', headers })).status, 403);
      assert.equal((await request(`${daemon.http}/json/close/${page.id}`, { headers })).status, 403);
      assert.equal((await request(`${daemon.http}/json/activate/${page.id}`, { headers })).status, 403);
    }
    assert.equal(await pages(daemon), before);
    const get = await request(`${daemon.http}/json/new?about:blank`);
    assert.equal(get.status, 405, 'an image tag opens no page either');
    assert.match(get.body, /unsafe HTTP verb GET/);
  });

  await t.test('an honest request does open a page, and closes it', async () => {
    const before = await pages(daemon);
    const headers = { 'sec-fetch-site': 'none' };
    const made = await request(`${daemon.http}/json/new?about:blank`, { method: 'PUT', headers });
    assert.equal(made.status, 200);
    assert.equal(await pages(daemon), before + 1);
    const { id } = JSON.parse(made.body);
    const closed = await request(`${daemon.http}/json/close/${id}`);
    assert.deepEqual([closed.status, closed.body], [200, 'Target is closing']);
  });

  await t.test('answers have the headers that Chrome sends, and no page may read them', async () => {
    const { headers } = await request(`${daemon.http}/json/version`);
    assert.deepEqual(Object.keys(headers).sort(), ['content-length', 'content-security-policy', 'content-type']);
  });

  await daemon.quiet();
  await daemon.stop();
});

test('allowed_hosts and allowed_origins let in what they name, and nothing else', async (t) => {
  const more = 'port: 0, allowed_hosts: [bridge.example], allowed_origins: ["https://app.example"], ';
  const daemon = await Daemon.start(t, { config: CONFIG.replace('port: 0, runtime', `${more}runtime`) });
  const version = (host) => request(`${daemon.http}/json/version`, { headers: { host } });
  assert.equal((await version('bridge.example:1')).status, 200);
  assert.equal((await version('other.example')).status, 500);
  assert.equal(await opens(daemon.ws, { origin: 'https://app.example' }), 101);
  assert.equal(await opens(daemon.ws, { origin: 'http://app.example' }), 403);
  assert.equal(await opens(daemon.ws, { origin: 'devtools://devtools' }), 403, 'the list replaces the default');
  await daemon.quiet();
  await daemon.stop();
});
