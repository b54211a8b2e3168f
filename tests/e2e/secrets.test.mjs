import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon, LOCAL_KEY } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { request, upgrade } from './lib/http.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Secrets } from './lib/secrets.mjs';

// Every sandbox of the suite looks for secrets in all that was printed in it, at log level trace (sandbox.mjs). Here:
// that this search finds what is there, and runs in which secrets are most likely to slip out.

test('the search would find a key, a connectUrl and their shapes', (t) => {
  const sandbox = new Sandbox(t);
  const secrets = new Secrets();
  secrets.add('some-key', 'the key');
  secrets.addConnectUrl('ws://127.0.0.1:1/v1/cdp/run/s3cr3t');
  secrets.addConnectUrl(undefined);
  assert.equal(secrets.size, 2);
  assert.deepEqual(secrets.foundIn('nothing of it'), []);
  assert.deepEqual(secrets.foundIn('key=some-key'), ['the key']);
  assert.deepEqual(secrets.foundIn('GET /v1/cdp/run/s3cr3t'), ['the secret of a connectUrl']);
  for (const text of [
    'ws://127.0.0.1:1/v1/cdp/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f/AbCdEfGhIjKlMnOpQrSt',
    'Authorization: Bearer local_AbCdEfGhIjKlMnOpQrSt',
    'Authorization: Bearer bctrl_live_AbCdEfGhIj',
  ])
    assert.equal(secrets.foundIn(text).length, 1, text);
  sandbox.file('planted/000-x.err', 'a line\nand some-key\n');
  assert.deepEqual(secrets.foundBelow(join(sandbox.dir, 'planted')), ['000-x.err: the key']);
});

/** All that the programs of a sandbox printed. */
function printed(sandbox) {
  return readdirSync(sandbox.logs).map((name) => readFileSync(join(sandbox.logs, name), 'utf8')).join('\n');
}

test('a life with all its mishaps prints no secret, at log level trace', async (t) => {
  const daemon = await Daemon.start(t);
  const { sandbox } = daemon;
  await daemon.ask('up', 'main');
  const { runtimeId } = await daemon.bridge();
  const { connectUrl } = (await daemon.rest('GET', `/v1/runtimes/${runtimeId}`)).body;
  assert.ok(sandbox.secrets.size >= 2, 'the key and the connectUrl are known to the search');

  // Refused on the secret address, on a wrong one, without a web socket, with the key in a wrong place.
  assert.equal((await upgrade(connectUrl)).status, 409);
  assert.equal((await upgrade(`${connectUrl}x`)).status, 404);
  assert.equal((await request(connectUrl.replace('ws:', 'http:'))).status, 404);
  const wrongKey = { authorization: `Basic ${LOCAL_KEY}` };
  assert.equal((await request(`${daemon.backend}/runtimes?key=${LOCAL_KEY}`, { headers: wrongKey })).status, 401);
  assert.equal((await request(`${daemon.http}/${LOCAL_KEY}`)).status, 404);

  // A client that talks about the secret, and a browser that dies under it.
  const cdp = await Cdp.connect(daemon.ws);
  await assert.rejects(cdp.send(LOCAL_KEY), /-32601/);
  const { pid } = await daemon.counts();
  process.kill(pid, 'SIGKILL');
  assert.equal((await soon(cdp.closed, 'the close')).code, 1012);
  await eventually(async () => assert.equal((await daemon.bridge()).state, 'cold'));

  const again = await Cdp.connect(daemon.ws);
  await again.close();
  for (const verb of [['status'], ['ls'], ['env', 'main'], ['stop', 'main']]) await daemon.cli(...verb);
  await daemon.stop();
  assert.match(printed(sandbox), / debug \[local\] POST \/v1\/runtimes\S*\/start 200/, 'logged down to each call');
});

test('a fixed upstream with a token in its address shows it nowhere', async (t) => {
  const token = 't0ken-canary-77aa';
  const sandbox = new Sandbox(t);
  sandbox.secrets.add(token, 'the token of the upstream');
  const upstream = `ws://127.0.0.1:9/${token}/devtools?token=${token}`;
  const config = CONFIG.replace('runtime: {name: main}', 'upstream: "${UPSTREAM_CDP}"');
  const daemon = await Daemon.start(t, { sandbox, config, env: { UPSTREAM_CDP: upstream } });
  const refused = await upgrade(daemon.ws);
  assert.equal(refused.status, 503);
  assert.doesNotMatch(JSON.stringify(refused.headers) + refused.body, /canary/);
  assert.equal((await daemon.cli('up', 'main')).code, 8);
  const file = sandbox.file('shown.yaml', config);
  const shown = await sandbox.cli(['config', 'show', '--origin', '--config', file], { env: { UPSTREAM_CDP: upstream } });
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /upstream:/);
  await daemon.stop();
});
