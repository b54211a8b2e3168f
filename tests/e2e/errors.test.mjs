import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { fakeApi } from './lib/fake_api.mjs';
import { hasIpv6, upgrade } from './lib/http.mjs';
import { Sandbox } from './lib/sandbox.mjs';

// What goes wrong on the first day. Each case: one clear line that says the way out, a documented exit code, nothing
// that looks like a crash. That no key is in any output is checked by the sandbox when a test ends.

const KEY = 'bctrl_e2e_canary_9b3e1f';
// Logged as a user would have it: what is asserted here is what a user sees.
const QUIET = CONFIG.replace('log: {level: trace}', 'log: {level: info}');
const cloud = (url) => QUIET.replace('backend: local', `backend: cloud\napi: {base_url: "${url}"}`);

/** What a run complained about: stderr without the log lines below error. */
function complaints(stderr) {
  const lines = stderr.split('\n').filter((line) => line !== '');
  return lines.filter((line) => !/^\d\d:\d\d:\d\d\.\d{3} (trace|debug|info|warn) /.test(line));
}

function assertOneLine(stderr, expected) {
  const lines = complaints(stderr);
  assert.equal(lines.length, 1, `one line, not:\n${stderr}`);
  assert.match(lines[0], expected);
  assertNoCrash(stderr);
}

function assertNoCrash(text) {
  assert.doesNotMatch(text, /terminate called|what\(\):|Aborted|Segmentation|AddressSanitizer|\bat 0x[0-9a-f]|#\d+ 0x/);
}

/** A run of `serve` that must fail: exit code and line. */
async function assertRefused(sandbox, config, code, line, options) {
  const file = sandbox.file('config.yaml', config);
  const ended = await sandbox.cli(['serve', '--config', file], options);
  assert.equal(ended.code, code, ended.stderr);
  assertOneLine(ended.stderr, line);
  return ended;
}

function cloudSandbox(t) {
  const sandbox = new Sandbox(t);
  sandbox.secrets.add(KEY, 'the API key');
  return sandbox;
}

async function closedPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

test('a wrong key ends serve with exit code 4 and the request id of the API', async (t) => {
  const api = await fakeApi(t, { on: /./, status: 401, code: 'auth.invalid' });
  const sandbox = cloudSandbox(t);
  const ended = await assertRefused(sandbox, cloud(api.url), 4, /\[AUTH\] .*req_e2e_1.*BCTRL_API_KEY/, {
    env: { BCTRL_API_KEY: KEY },
  });
  assert.match(ended.stderr, /API key from environment BCTRL_API_KEY/, 'the log says which key it was');
  // Beside the key it looks at once for runtimes that were left running.
  assert.ok(api.seen.some(({ line }) => line === 'GET /v1/auth/whoami'), JSON.stringify(api.seen));
  for (const { authorization } of api.seen) assert.equal(authorization, `Bearer ${KEY}`);
});

test('no key at all ends serve with exit code 4 and the places where one may be', async (t) => {
  const sandbox = cloudSandbox(t);
  await assertRefused(sandbox, cloud('https://api.example.com'), 4, /BCTRL_API_KEY.*--api-key-file.*--backend local$/);
});

test('a key of the local backend is not sent to another machine', async (t) => {
  const sandbox = cloudSandbox(t);
  await assertRefused(sandbox, cloud('https://api.example.com'), 4, /key of the local backend.*--backend local/, {
    env: { BCTRL_API_KEY: 'local_e2e_key' },
  });
});

test('a key file that others can read is refused', async (t) => {
  const sandbox = cloudSandbox(t);
  const keyFile = sandbox.file('key', KEY, 0o644);
  const config = cloud('https://api.example.com').replace('api: {', `api: {key_file: "${keyFile}", `);
  await assertRefused(sandbox, config, 4, new RegExp(`chmod 600 ${keyFile}$`));
});

test('a key in place of a key file is refused with exit code 3 and not repeated', async (t) => {
  const key = 'sk_live_e2eCanaryE2eCanary';
  const sandbox = new Sandbox(t);
  sandbox.secrets.add(key, 'the key on the command line');
  const { code, stderr } = await sandbox.cli(['serve', '--api-key-file', key]);
  assert.equal(code, 3);
  assert.match(stderr, /^--api-key-file: takes the path of a file/);
  assert.equal((await sandbox.cli(['serve', key])).code, 2);
});

test('an API that cannot be reached leaves serve up, with one line; what needs it exits 8', async (t) => {
  const sandbox = cloudSandbox(t);
  const url = `http://127.0.0.1:${await closedPort()}`;
  const daemon = await Daemon.start(t, { sandbox, config: cloud(url), env: { BCTRL_API_KEY: KEY } });
  await eventually(() => assertOneLine(daemon.program.stderr, /\[API_UNREACHABLE\] .*Connection refused/));

  const up = await daemon.cli('up', 'main');
  assert.equal(up.code, 8);
  assertOneLine(up.stderr, /^bctrl-bridge: \[API_UNREACHABLE\] /);
  const attach = await upgrade(daemon.ws);
  assert.equal(attach.status, 503);
  assert.match(attach.body, /\[API_UNREACHABLE\]/);
  const bridge = await daemon.bridge();
  assert.equal(bridge.state, 'cold');
  assert.equal(bridge.failure.code, 'API_UNREACHABLE');
  await daemon.stop();
});

const REFUSALS = [
  { name: 'the plan is used up', status: 402, code: 'browser.concurrent_quota_exceeded', says: 'QUOTA', exit: 7 },
  { name: 'somebody else drives', status: 409, code: 'runtime.controller_busy', says: 'CONTROLLER_BUSY', exit: 6 },
  { name: 'the key may not', status: 403, code: 'auth.forbidden', says: 'AUTH', exit: 4 },
  { name: 'the cloud has no host', status: 503, code: 'runtime.host_unavailable', says: 'START_FAILED', exit: 8 },
];
for (const { name, status, code, says, exit } of REFUSALS) {
  test(`${name}: up exits ${exit} with [${says}] and the request id`, async (t) => {
    const api = await fakeApi(t, { on: /\/start$/, status, code });
    const sandbox = cloudSandbox(t);
    const config = cloud(api.url).replace('port: 0, runtime', 'port: 0, on_busy: fail, runtime');
    const daemon = await Daemon.start(t, { sandbox, config, env: { BCTRL_API_KEY: KEY } });
    const up = await daemon.cli('up', 'main');
    assert.equal(up.code, exit, up.stderr);
    assertOneLine(up.stderr, new RegExp(`^bctrl-bridge: \\[${says}\\] .*req_e2e_1`));
    await daemon.stop();
  });
}

test('a port in use ends serve with exit code 1 and names the program that has it', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address();
  const owner = `taken by \\S+ \\(pid ${process.pid}\\)`;
  const sandbox = new Sandbox(t);
  const bridge = QUIET.replace('name: main, port: 0', `name: main, port: ${port}`);
  await assertRefused(sandbox, bridge, 1, new RegExp(`bridge main: .*:${port} .*${owner}.*port: 0`));
  const service = QUIET.replace('service: {port: 0}', `service: {port: ${port}}`);
  const ended = await assertRefused(sandbox, service, 1, new RegExp(`service port: .*:${port} .*${owner}.*port: 0`));
  assert.doesNotMatch(ended.stderr, /local backend on/, 'no backend was started for nothing');
  assert.deepEqual(readdirSync(`${sandbox.env.XDG_RUNTIME_DIR}/bctrl-bridge`), []);
});

test('a port that is taken on ::1 only is in use, too', { skip: !hasIpv6() && 'no IPv6 here' }, async (t) => {
  const taken = createServer().listen({ port: 0, host: '::1', ipv6Only: true });
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address();
  const config = QUIET.replace('name: main, port: 0', `name: main, port: ${port}`);
  await assertRefused(new Sandbox(t), config, 1, new RegExp(`bridge main: .*\\[?::1\\]?:${port} .*pid ${process.pid}`));
});

test('without Chromium, serve ends with exit code 3 and the line that installs it', async (t) => {
  const sandbox = new Sandbox(t);
  const install = /apt-get install chromium/;
  const nowhere = `${sandbox.dir}/empty`;
  mkdirSync(nowhere);
  await assertRefused(sandbox, QUIET, 3, install, { env: { PATH: nowhere } });
  await assertRefused(sandbox, QUIET, 3, install, { env: { BCTRL_BRIDGE_CHROMIUM: `${nowhere}/chromium` } });
});

test('a program that is no Chromium ends serve and local with exit code 3', async (t) => {
  const sandbox = new Sandbox(t);
  for (const program of ['/bin/cat', '/bin/false']) {
    for (const verb of ['serve', 'local']) {
      const { code, stdout, stderr } = await sandbox.cli([verb, '--chromium', program, '--log-level', 'error']);
      assert.deepEqual([code, stdout], [3, ''], stderr);
      assertOneLine(stderr, new RegExp(`${program} is no Chromium.*apt-get install chromium$`));
    }
  }
});

test('a browser that does not start is told at the attach, and tried again at the next', async (t) => {
  const sandbox = new Sandbox(t);
  const broken = sandbox.file('broken-chromium', '#!/bin/sh\n[ "$1" = --version ] && exec echo Chromium 1.2.3.4\necho "no display today" >&2\nexit 3\n', 0o700);
  const daemon = await Daemon.start(t, { sandbox, config: QUIET, env: { BCTRL_BRIDGE_CHROMIUM: broken } });
  for (let attempt = 0; attempt < 2; ++attempt) {
    const attach = await upgrade(daemon.ws);
    assert.equal(attach.status, 503);
    assert.match(attach.body, /no display today/, 'what the browser said itself');
  }
  const up = await daemon.cli('up', 'main');
  assert.equal(up.code, 8);
  assertOneLine(up.stderr, /\[START_FAILED\] .*no display today/);
  await daemon.stop();
});

test('mistakes in the configuration are all told, with their place and a guess, and exit code 3', async (t) => {
  const sandbox = new Sandbox(t);
  const file = sandbox.file('bad.yaml', 'version: 1\nbackedn: local\nbridges:\n  - {name: main, prot: 9411}\n');
  for (const verb of [['serve', '--config', file], ['config', 'check', file]]) {
    const { code, stderr, stdout } = await sandbox.cli(verb);
    assert.equal(code, 3);
    assert.match(stderr, /bad\.yaml:2:1: unknown key "backedn"; did you mean "backend"\?/);
    assert.match(stderr, /bad\.yaml:4:18: unknown key "prot" in bridges\[0\]; did you mean "port"\?/);
    assert.equal(stdout, '');
    assertNoCrash(stderr);
  }
});

test('what is not YAML, or not there, is told with its place and exit code 3', async (t) => {
  const sandbox = new Sandbox(t);
  const broken = await sandbox.cli(['serve', '--config', sandbox.file('broken.yaml', 'version: 1\nbridges: [\n')]);
  assert.equal(broken.code, 3);
  assert.match(broken.stderr, /broken\.yaml:\d+:\d+: not valid YAML/);
  const missing = await sandbox.cli(['serve', '--config', `${sandbox.dir}/missing.yaml`]);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /missing\.yaml: No such file/);
});

test('a second daemon of the same user is refused with exit code 1 and disturbs nothing', async (t) => {
  const daemon = await Daemon.start(t);
  const running = new RegExp(`runs already \\(pid ${daemon.pid}\\).*XDG_RUNTIME_DIR`);
  await assertRefused(daemon.sandbox, QUIET, 1, running);
  await assertRefused(daemon.sandbox, QUIET, 1, running, { env: { XDG_STATE_HOME: `${daemon.sandbox.dir}/other` } });
  assert.equal((await daemon.status()).pid, daemon.pid);
  await daemon.stop();
});

test('a second daemon on the same state directory only is refused with exit code 1 as well', async (t) => {
  const daemon = await Daemon.start(t);
  mkdirSync(`${daemon.sandbox.dir}/run2`, { mode: 0o700 });
  await assertRefused(daemon.sandbox, QUIET, 1, new RegExp(`local is in use by process ${daemon.pid}\\. .*XDG_STATE_HOME`), {
    env: { XDG_RUNTIME_DIR: `${daemon.sandbox.dir}/run2` },
  });
  await daemon.stop();
});

test('local beside a daemon is told to take another directory, or none', async (t) => {
  const daemon = await Daemon.start(t);
  const { code, stderr } = await daemon.cli('local', '--port', '0', '--log-level', 'error');
  assert.equal(code, 1);
  assertOneLine(stderr, new RegExp(`local is in use by process ${daemon.pid}\\. .*--state.*--in-memory$`));
  await daemon.stop();
});

test('a fixed upstream that is not there is told with its address', async (t) => {
  const upstream = `http://127.0.0.1:${await closedPort()}`;
  const daemon = await Daemon.start(t, { config: QUIET.replace('runtime: {name: main}', `upstream: "${upstream}"`) });
  const up = await daemon.cli('up', 'main');
  assert.equal(up.code, 8);
  assertOneLine(up.stderr, new RegExp(`\\[UPSTREAM_REFUSED\\] .*${upstream}.*Connection refused`));
  assert.doesNotMatch(daemon.program.stderr, /\*\*\*/);
  await daemon.stop();
});

test('without a daemon, every verb that needs one exits 5 and says how to start it', async (t) => {
  const sandbox = new Sandbox(t);
  for (const verb of [['status'], ['ls'], ['env', 'main'], ['up', 'main'], ['stop', 'main'], ['status', '--json']]) {
    const { code, stdout, stderr } = await sandbox.cli(verb);
    assert.equal(code, 5, verb.join(' '));
    assertOneLine(stderr, /the daemon is not running .*`bctrl-bridge serve`/);
    assert.equal(stdout, '');
  }
});

test('an unknown bridge exits 2 and says where the names are', async (t) => {
  const daemon = await Daemon.start(t);
  for (const verb of ['env', 'up', 'stop']) {
    const { code, stderr } = await daemon.cli(verb, 'nope');
    assert.equal(code, 2);
    assertOneLine(stderr, /\[NO_SUCH_BRIDGE\] .*nope.*`bctrl-bridge ls`/);
  }
  for (const odd of ['a b', 'main/stop', '../status', '%00', 'ü']) {
    const { code, stderr } = await daemon.cli('env', odd);
    assert.equal(code, 2, stderr);
    assertOneLine(stderr, /\[NO_SUCH_BRIDGE\] no bridge is named ".+"/);
  }
  await daemon.stop();
});

test('a runtime directory that is too deep for a socket is told before anything starts', async (t) => {
  const sandbox = new Sandbox(t);
  const deep = `${sandbox.dir}/${'d'.repeat(100)}`;
  mkdirSync(deep, { mode: 0o700 });
  await assertRefused(sandbox, QUIET, 1, /107|too long|shorter/, { env: { XDG_RUNTIME_DIR: deep } });
});

test('wrong usage exits 2 and names the help', async (t) => {
  const sandbox = new Sandbox(t);
  for (const args of [[], ['bogus'], ['up'], ['serve', '--bogus'], ['local', '--backend', 'cloud'], ['explain', 'NO_SUCH_CODE']]) {
    const { code, stdout, stderr } = await sandbox.cli(args);
    assert.equal(code, 2, `bctrl-bridge ${args.join(' ')}`);
    assert.equal(stdout, '');
    assert.match(stderr, /--help|explain/);
    assertNoCrash(stderr);
  }
  assertOneLine((await sandbox.cli(['bogus'])).stderr, /^bctrl-bridge: no such verb: bogus\. /);
});
