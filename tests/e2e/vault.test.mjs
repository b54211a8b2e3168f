import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { Sandbox } from './lib/sandbox.mjs';

// What is secret of a vault, of tools, AI credentials and proxies: it comes back where it is asked for, goes to whom it
// is for, and is nowhere else: in no log (sandbox.mjs looks), in no file of the state, in no record of a call.

const TOTP_KEY = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'; // RFC 6238's "12345678901234567890"
const SECRETS = {
  password: 'pw-canary-Zq81',
  value: 'bearer-canary-Lw52',
  notes: 'note-canary-Vb34',
  totpSecret: TOTP_KEY,
  apiKey: 'sk-canary-Tm90',
  proxyPassword: 'proxy-canary-Hd17',
  source: 'return "source-canary-Jk66"',
  env: 'env-canary-Xr23',
};

function code(at) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', '12345678901234567890').update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** A server that notes each request's credentials and hands `answer` the rest. */
async function listen(t, answer) {
  const seen = [];
  const server = http.createServer((asked, reply) => {
    let body = '';
    asked.on('data', (bytes) => (body += bytes));
    asked.on('end', () => {
      seen.push(asked.headers.authorization);
      const [status, json] = answer(asked, body);
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  server.on('connect', (asked, socket) => {
    seen.push(`${asked.url} ${asked.headers['proxy-authorization']}`);
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address();
  return { seen, port, url: `http://127.0.0.1:${port}` };
}

function sandboxWithSecrets(t) {
  const sandbox = new Sandbox(t);
  for (const [name, value] of Object.entries(SECRETS)) sandbox.secrets.add(value, name);
  return sandbox;
}

/** The answer to a call that must succeed. */
async function call(daemon, method, path, body) {
  const reply = await daemon.rest(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.body?.code}`);
  return reply.body;
}

async function fillVault(daemon) {
  const { password, value, notes, totpSecret } = SECRETS;
  const login = { type: 'login', username: 'ada', password, totpSecret, notes, origins: ['https://shop.example'] };
  await call(daemon, 'PUT', '/v1/vault/secrets/work%2Fshop', login);
  await call(daemon, 'PUT', '/v1/vault/secrets/work%2Fhook', { type: 'value', value });
}

test('a vault outlives the daemon, and its state directory tells nothing of it', async (t) => {
  const sandbox = sandboxWithSecrets(t);
  let daemon = await Daemon.start(t, { sandbox });
  await fillVault(daemon);
  const listed = await call(daemon, 'GET', '/v1/vault/secrets?prefix=work/&origin=https://shop.example/login');
  assert.deepEqual(listed.data.map(({ key }) => key), ['work/shop']);
  assert.deepEqual(sandbox.secrets.foundIn(JSON.stringify(listed)), []);
  await daemon.stop();

  daemon = await Daemon.start(t, { sandbox });
  const raw = await call(daemon, 'GET', '/v1/vault/secrets/work%2Fshop/value');
  assert.deepEqual([raw.username, raw.password, raw.notes], ['ada', SECRETS.password, SECRETS.notes]);
  const before = code(Date.now());
  const totp = await call(daemon, 'GET', '/v1/vault/secrets/work%2Fshop/totp');
  assert.ok([before, code(Date.now())].includes(totp.code));
  await daemon.stop();
  assert.deepEqual(sandbox.secrets.foundBelow(sandbox.env.XDG_STATE_HOME), []);
});

test('secrets go to the webhook, the provider and the proxy that they are for, and nowhere else', async (t) => {
  const sandbox = sandboxWithSecrets(t);
  const daemon = await Daemon.start(t, { sandbox });
  await fillVault(daemon);

  // A webhook that tells all it was told, and more: another secret of the vault.
  const hook = await listen(t, (asked, body) => [
    200,
    { headers: asked.headers, input: JSON.parse(body), leaked: SECRETS.password },
  ]);
  const webhook = { type: 'webhook', name: 'echo', url: `${hook.url}/hook`, authSecretId: 'work/hook' };
  const tool = await call(daemon, 'POST', '/v1/tools', webhook);
  const input = { question: 7, password: SECRETS.password };
  const result = await call(daemon, 'POST', `/v1/tools/${tool.id}/test`, { input });
  assert.equal(result.ok, true);
  assert.equal(result.output.input.question, 7);
  assert.deepEqual(hook.seen, [`Bearer ${SECRETS.value}`]);
  assert.ok(!JSON.stringify(result).includes(SECRETS.value), 'what we sent along does not come back');
  const audit = await call(daemon, 'GET', `/v1/tool-calls?toolId=${tool.id}&status=succeeded`);
  assert.equal(audit.data.length, 1);
  assert.equal(audit.data[0].redactedInput.question, 7);
  assert.deepEqual(sandbox.secrets.foundIn(JSON.stringify(audit)), []);

  const hosted = { type: 'hosted', name: 'code', source: SECRETS.source, env: { KEY: SECRETS.env } };
  const kept = await call(daemon, 'POST', '/v1/tools', hosted);
  assert.deepEqual(sandbox.secrets.foundIn(JSON.stringify(kept)), []);
  assert.equal((await call(daemon, 'POST', `/v1/tools/${kept.id}/test`, {})).ok, false, 'and it says so');

  const { apiKey } = SECRETS;
  const provider = await listen(t, (asked) =>
    asked.headers.authorization === `Bearer ${apiKey}` && asked.url === '/v1/models'
      ? [200, { data: [{ id: 'small-model' }] }]
      : [401, { error: { message: `no such key: ${asked.headers.authorization}` } }],
  );
  const given = { provider: 'custom', name: 'mine', baseUrl: `${provider.url}/v1`, apiKey, test: true };
  const credential = await call(daemon, 'POST', '/v1/ai/credentials', given);
  assert.deepEqual(sandbox.secrets.foundIn(JSON.stringify(credential)), []);
  assert.deepEqual((await call(daemon, 'GET', '/v1/ai/models')).data.map(({ id }) => id), ['small-model']);
  const wrong = await daemon.rest('POST', '/v1/ai/credentials', { ...given, apiKey: 'sk-canary-wrong' });
  assert.equal(wrong.status, 400);
  assert.equal(wrong.body.details.field, 'apiKey');
  assert.doesNotMatch(JSON.stringify(wrong.body), /sk-canary/);

  const through = await listen(t, () => [500, {}]);
  const url = `http://ada:${SECRETS.proxyPassword}@127.0.0.1:${through.port}`;
  const proxy = await call(daemon, 'POST', '/v1/proxies', { type: 'custom', name: 'mine', url });
  const trial = await call(daemon, 'POST', `/v1/proxies/${proxy.id}/test`);
  assert.equal(trial.ok, false);
  assert.match(trial.error, /403 Forbidden/);
  const user = Buffer.from(`ada:${SECRETS.proxyPassword}`).toString('base64');
  assert.deepEqual(through.seen, [`api.ipify.org:443 Basic ${user}`]);
  assert.deepEqual(sandbox.secrets.foundIn(JSON.stringify([proxy, trial])), []);

  await daemon.stop();
  assert.deepEqual(sandbox.secrets.foundBelow(sandbox.env.XDG_STATE_HOME), []);
});
