import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { fakeApi } from './lib/fake_api.mjs';
import { BINARY, Sandbox } from './lib/sandbox.mjs';

const KEY = 'bctrl_sk_apiverb_0123456789abcdefABCDEF';

test('the api verb calls the backend of the running daemon', async (t) => {
  const daemon = await Daemon.start(t);
  const call = (...args) => daemon.cli('api', ...args, '--config', daemon.sandbox.file('config.yaml', CONFIG));
  const json = async (...args) => {
    const { code, stdout, stderr } = await call(...args);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  await t.test('fields make a body, typed or not, in members of members', async () => {
    const made = await json('POST', '/v1/runtimes', '-f', 'name=one', '-f', 'config[locale]=de-DE',
      '-F', 'config[idleTimeoutSeconds]=90', '-f', 'metadata[n]=1');
    assert.deepEqual([made.name, made.config.locale, made.config.idleTimeoutSeconds, made.metadata], ['one', 'de-DE', 90, { n: '1' }]);
    assert.equal((await json('GET', `runtimes/${made.id}`)).name, 'one');
    const renamed = await json('PATCH', `v1/runtimes/${made.id}`, '--input', daemon.sandbox.file('body.json', '{"name":"two"}'));
    assert.equal(renamed.name, 'two');
    // What holds a connectUrl is better not printed.
    const out = `${daemon.sandbox.dir}/started.json`;
    assert.equal((await call('POST', `runtimes/${made.id}/start`, '-H', 'Idempotency-Key: k1', '-o', out)).code, 0);
    const started = JSON.parse(readFileSync(out, 'utf8'));
    daemon.sandbox.secrets.addConnectUrl(started.connectUrl);
    assert.match(started.connectUrl, /^ws:/);
    const refused = await call('DELETE', `runtimes/${made.id}`);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /409 /);
    await json('POST', `runtimes/${made.id}/stop`);
    const gone = await call('DELETE', `runtimes/${made.id}`);
    assert.deepEqual([gone.code, JSON.parse(gone.stdout).deleted], [0, true]);
  });

  await t.test('fields of a GET are its query, and --paginate walks it', async () => {
    for (let i = 0; i < 4; ++i) await json('POST', 'runtimes', '-f', `name=r${i}`);
    assert.equal((await json('GET', 'runtimes', '-F', 'limit=2')).data.length, 2);
    const all = await json('GET', 'runtimes', '-F', 'limit=2', '-f', 'status[]=stopped', '-f', 'status[]=active', '--paginate');
    assert.deepEqual(all.data.map(({ name }) => name).sort(), ['r0', 'r1', 'r2', 'r3']);
    const none = await call('GET', 'auth/whoami', '--paginate');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no list/);
    for (const more of [['-i'], ['--form', 'a=1'], ['-o', 'x']]) assert.equal((await call('GET', 'runtimes', '--paginate', ...more)).code, 2, more[0]);
  });

  await t.test('a header of the user stands in place of ours, on every page', async () => {
    const sub = await json('POST', 'subaccounts', '-f', 'name=s');
    const theirs = await json('GET', 'runtimes', '-H', `BCTRL-Subaccount-Id: ${sub.id}`, '--paginate');
    assert.deepEqual(theirs, { data: [] });
    const wrong = await call('GET', 'runtimes', '-H', 'authorization: Bearer other');
    assert.equal(wrong.code, 4, wrong.stderr);
    const forged = await call('GET', 'runtimes', '-H', 'Content-Length: 5');
    assert.equal(forged.code, 2);
    assert.match(forged.stderr, /Content-Length follows from what is sent/);
    for (const header of ['X-A: 1\r\nX-B: 2', 'X-A\n: 1', 'X-A: 1\n']) {
      const broken = await call('GET', 'runtimes', '-H', header);
      assert.equal(broken.code, 2, broken.stderr);
      assert.match(broken.stderr, /a header is one line/);
    }
  });

  await t.test('an answer that has no place is no fault of the API, and nothing is asked for', async () => {
    for (const output of ['/nope/x', daemon.sandbox.dir]) {
      const made = await call('POST', 'runtimes', '-f', 'name=unwanted', '-o', output);
      assert.equal(made.code, 1, made.stderr);
      assert.match(made.stderr, /^bctrl-bridge: cannot write .+: .+\n$/);
    }
    const full = await call('GET', 'runtimes', '-o', '/dev/full');
    assert.equal(full.code, 1, full.stderr);
    assert.match(full.stderr, /cannot write \/dev\/full/);
    const all = await json('GET', 'runtimes', '--paginate');
    assert.ok(!all.data.some(({ name }) => name === 'unwanted'));
  });

  await t.test('a terminal gets an answer once, indented', async () => {
    const large = 'x'.repeat(40_000);
    const { id } = await json('POST', 'runtimes', '-f', 'name=large', '-f', `metadata[text]=${large}`);
    const args = ['api', 'GET', `runtimes/${id}`, '--config', daemon.sandbox.file('config.yaml', CONFIG)];
    const typed = daemon.sandbox.start('script', ['-qec', [BINARY, ...args].join(' '), '/dev/null']);
    assert.equal(await typed.end(), 0);
    assert.equal(typed.stdout.match(/"large"/g).length, 1, typed.stdout.slice(0, 300));
  });

  await t.test('an error prints what the API said and ends by its kind', async () => {
    await json('POST', 'toolsets', '-f', 'name=one');
    const taken = await call('POST', 'toolsets', '-f', 'name=one');
    assert.match(taken.stderr, /409/);
    assert.equal(taken.code, 1, 'nobody controls a name');
    const wrong = await call('POST', 'runtimes', '-F', 'name=7', '-i');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stdout, /^HTTP\/1\.1 400 Bad Request\nContent-Type: application\/json\n/);
    assert.match(wrong.stdout, /"field":"name"/);
    assert.match(wrong.stderr, /^bctrl-bridge: 400 request\.invalid: name must be a string\. \(request [0-9a-f-]+\)\n$/);
    const managed = await call('POST', 'proxies', '-f', 'type=managed-static', '-f', 'poolId=p');
    assert.equal(managed.stderr.split(JSON.parse(managed.stdout).hint).length, 2, managed.stderr);
    assert.equal((await call('GET', '/_local/health')).code, 0);
    for (const args of [['F00', 'x'], ['POST', 'x', '-f', 'a[=1'], ['POST', 'x', '--input', '/nowhere/x'], ['GET', 'x', '-H', 'y'],
      ['GET', 'files?q=my report'], ['GET', 'x HTTP/1.1\r\nHost: y'], ['GET', 'x#y']])
      assert.equal((await call(...args)).code, 2, args.join(' '));
  });
  await daemon.stop();
});

test('the api verb finds a backend that runs alone, and says when there is none', async (t) => {
  const sandbox = new Sandbox(t);
  const config = sandbox.file('config.yaml', CONFIG);
  const call = (...args) => sandbox.cli(['api', ...args, '--config', config]);
  const none = await call('GET', 'runtimes');
  assert.equal(none.code, 5, 'nothing else may answer on port 8787, where `local` listens: stop it first');
  assert.match(none.stderr, /no local backend answers \(.+\)\. Start one with `bctrl-bridge serve` or `bctrl-bridge local`/);
  const local = sandbox.start(BINARY, ['local', '--in-memory', '--config', config]);
  await eventually(() => assert.match(local.stdout, /BCTRL_BASE_URL/));
  const spaces = await call('GET', 'spaces');
  assert.equal(spaces.code, 0, spaces.stderr);
  assert.equal(JSON.parse(spaces.stdout).data.length, 1);
  local.kill('SIGTERM');
  assert.equal(await local.end(), 0);
});

test('the api verb speaks to the cloud with the key of the configuration', async (t) => {
  const cloud = await fakeApi(t, { on: /GET \/v1\/usage/, status: 402, code: 'billing.payment_required' });
  const sandbox = new Sandbox(t);
  sandbox.secrets.add(KEY, 'the key');
  const env = { BCTRL_API_KEY: KEY, BCTRL_API_URL: cloud.url };
  const list = await sandbox.cli(['api', 'GET', '/v1/runtimes'], { env });
  assert.equal(list.code, 0, list.stderr);
  assert.equal(JSON.parse(list.stdout).data[0].id, 'rt_1');
  assert.deepEqual(cloud.seen, [{ line: 'GET /v1/runtimes', authorization: `Bearer ${KEY}` }]);
  const broke = await sandbox.cli(['api', 'GET', 'usage'], { env });
  assert.equal(broke.code, 7);
  assert.match(broke.stderr, /402 billing\.payment_required: Refused by the test\. \(request req_e2e_1\)/);
});

test('an address that was given is the one that is used, with a key or without', async (t) => {
  const there = await fakeApi(t, { on: /nothing/ });
  const sandbox = new Sandbox(t);
  const list = ['api', 'GET', 'runtimes'];
  const url = there.url.replace('127.0.0.1', 'localhost');
  for (const [args, env] of [
    [['--api-url', there.url], {}],
    [['--api-url', url], {}],
    [['--api-url', there.url, '--backend', 'local'], {}],
    [['--api-url', there.url, '--backend', 'cloud'], {}],
    [[], { BCTRL_BASE_URL: there.url }],
    [[], { BCTRL_API_URL: there.url }],
  ]) {
    const got = await sandbox.cli([...list, ...args], { env });
    assert.equal(got.code, 0, got.stderr);
    const { line, authorization } = there.seen.pop();
    assert.equal(line, 'GET /v1/runtimes');
    assert.match(authorization, /^Bearer local_/, 'a key of no worth, for an address of this machine');
  }
  for (const [args, env] of [
    [['--api-url', 'https://api.example'], {}],
    [[], { BCTRL_BASE_URL: 'https://api.example/v1' }],
  ]) {
    const got = await sandbox.cli([...list, ...args], { env });
    assert.equal(got.code, 4, got.stderr);
    assert.match(got.stderr, /^bctrl-bridge: https:\/\/api\.example(:443)? needs a key; looked for an API key in /);
  }
  const secret = await sandbox.cli(list, { env: { BCTRL_BASE_URL: 'https://user:canary-of-url@api.example' } });
  assert.equal(secret.code, 3, secret.stderr);
  assert.doesNotMatch(secret.stderr, /canary-of-url/);
  const ports = 'version: 1\nservice: {port: 0}\nbridges: [{name: main, port: 0, runtime: {name: main}}]\n';
  const config = sandbox.file('ports.yaml', ports);
  const serve = await sandbox.cli(['serve', '--api-url', 'https://api.example', '--config', config]);
  assert.equal(serve.code, 4, serve.stderr);
  assert.match(serve.stderr, /looked for an API key/);
  assert.deepEqual(there.seen, []);
});

test('the api verb sends an upload and prints a stream while it comes', async (t) => {
  const seen = [];
  const server = http.createServer(async (asked, reply) => {
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    seen.push({ type: asked.headers['content-type'], length: asked.headers['content-length'], body: Buffer.concat(chunks).toString() });
    if (asked.method === 'POST') return reply.writeHead(201, { 'content-type': 'application/json' }).end('{"ok":true}');
    reply.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.write('event: one\ndata: {}\n\n');
    // The second only when the first has been seen at the other end.
    server.once('go on', () => reply.end('event: two\ndata: {}\n\n'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const sandbox = new Sandbox(t);
  sandbox.secrets.add(KEY, 'the key');
  const env = { BCTRL_API_KEY: KEY, BCTRL_API_URL: `http://127.0.0.1:${server.address().port}` };
  const file = sandbox.file('large.bin', 'x'.repeat(1_000_000));
  assert.equal(statSync(file).size, 1_000_000);
  const sent = await sandbox.cli(['api', 'POST', 'files', '--form', 'path=/a', '--form', `file=@${file};type=text/plain`], { env });
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(sent.stdout, '{"ok":true}\n');
  const form = await new Response(seen[0].body, { headers: { 'content-type': seen[0].type } }).formData();
  assert.equal(form.get('path'), '/a');
  assert.deepEqual([form.get('file').name, form.get('file').type, form.get('file').size], ['large.bin', 'text/plain', 1_000_000]);
  assert.equal(Number(seen[0].length), seen[0].body.length);

  const stream = sandbox.start(BINARY, ['api', 'GET', 'runs/r/events/stream'], { env });
  await eventually(() => assert.match(stream.stdout, /event: one/));
  assert.ok(stream.running);
  server.emit('go on');
  assert.equal(await stream.end(), 0);
  assert.equal(stream.stdout, 'event: one\ndata: {}\n\nevent: two\ndata: {}\n\n');
});
