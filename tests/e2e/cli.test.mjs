import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon, LOCAL_KEY } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { hasIpv6, upgrade } from './lib/http.mjs';
import { BINARY, Sandbox } from './lib/sandbox.mjs';

test('the verbs tell the same story of a bridge that wakes, is used and stops', async (t) => {
  const daemon = await Daemon.start(t);

  await t.test('env --json names the two addresses, and they are stable', async () => {
    const env = await daemon.ask('env', 'main');
    assert.deepEqual(env, { name: 'main', state: 'cold', http: daemon.http, ws: daemon.ws });
    assert.match(env.http, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.match(env.ws, /^ws:\/\/127\.0\.0\.1:\d+\/devtools\/browser\/[0-9a-f-]{36}$/);
  });

  await t.test('env without --json can be sourced by a shell', async () => {
    const { stdout } = await daemon.cli('env', 'main');
    const script = daemon.sandbox.file('env.sh', `${stdout}\nprintf %s "$BCTRL_BRIDGE_WS"`);
    const shell = daemon.sandbox.start('sh', [script]);
    assert.equal(await shell.end(), 0);
    assert.equal(shell.stdout, daemon.ws);
  });

  await t.test('discovery answers without waking the runtime', async () => {
    const version = await (await fetch(`${daemon.http}/json/version`)).json();
    assert.equal(version.webSocketDebuggerUrl, daemon.ws);
    assert.deepEqual(await (await fetch(`${daemon.http}/json/list`)).json(), []);
    assert.equal((await daemon.bridge()).state, 'cold');
  });

  await t.test('it answers on the same port of ::1', { skip: !hasIpv6() && 'no IPv6 here' }, async () => {
    const v6 = daemon.http.replace('127.0.0.1', '[::1]');
    const version = await (await fetch(`${v6}/json/version`)).json();
    assert.equal(version.webSocketDebuggerUrl, daemon.ws.replace('127.0.0.1', '[::1]'));
  });

  await t.test('up wakes it, and twice is no error', async () => {
    for (let i = 0; i < 2; ++i) {
      const up = await daemon.ask('up', 'main');
      assert.equal(up.state, 'live');
      assert.equal(up.startedHere, true);
    }
    assert.equal((await daemon.counts()).starts, 1);
    const human = await daemon.cli('up', 'main');
    assert.match(human.stdout, /^main {2}live {2}http:\S+ {2}0 clients/);
  });

  await t.test('status and ls show clients, sessions and the runtime', async () => {
    const cdp = await Cdp.connect(daemon.ws);
    const bridge = await daemon.bridge();
    assert.deepEqual([bridge.state, bridge.clients, bridge.sessions], ['live', 1, 1]);
    const status = await daemon.cli('status');
    assert.match(status.stdout, new RegExp(`pid ${daemon.pid}\\nlocal backend, real Chromium [\\d.]+, nothing goes to BCTRL`));
    assert.match(status.stdout, /main {2}live {2}\S+ {2}1 clients, 1 sessions, runtime /);
    assert.match((await daemon.cli('ls')).stdout, new RegExp(`^main +live +${daemon.http}\\n$`));
    assert.deepEqual((await daemon.ask('ls')).map(({ name }) => name), ['main']);
    await cdp.close();
  });

  await t.test('stop sends the clients away with 1001 and a reason, and twice is no error', async () => {
    const cdp = await Cdp.connect(daemon.ws);
    const stopped = await daemon.ask('stop', 'main');
    assert.equal(stopped.state, 'cold');
    const { code, reason } = await soon(cdp.closed, 'the close');
    assert.equal(code, 1001);
    assert.match(reason, /^\[STOPPED\] /);
    assert.equal((await daemon.rest('GET', `/v1/runtimes/${stopped.runtimeId}`)).body.status, 'stopped');
    assert.equal((await daemon.ask('stop', 'main')).state, 'cold');
  });

  await t.test('the locator file says where everything is, to its user only', async () => {
    const path = `${daemon.sandbox.env.XDG_RUNTIME_DIR}/bctrl-bridge/bridges.json`;
    const { pid, service, bridges } = JSON.parse(readFileSync(path, 'utf8'));
    assert.deepEqual([pid, service], [daemon.pid, daemon.service]);
    assert.deepEqual(bridges, [{ name: 'main', http: daemon.http, ws: daemon.ws }]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const socket = `${daemon.sandbox.env.XDG_RUNTIME_DIR}/bctrl-bridge/control.sock`;
    assert.equal(statSync(socket).mode & 0o777, 0o600);
  });

  await t.test('the service port leads to the bridge by its name', async () => {
    const below = `${daemon.service}/b/main`;
    const version = await (await fetch(`${below}/json/version`)).json();
    assert.ok(version.webSocketDebuggerUrl.startsWith(`${below.replace('http', 'ws')}/devtools/browser/`));
    const cdp = await Cdp.connect(version.webSocketDebuggerUrl);
    assert.ok((await cdp.send('Browser.getVersion')).product);
    await cdp.close();
  });

  await daemon.stop();
});

test('SIGTERM stops the runtime, says so, and sends the clients away with 1001', async (t) => {
  const daemon = await Daemon.start(t);
  const clients = await Promise.all([Cdp.connect(daemon.ws), Cdp.connect(daemon.ws)]);
  const { runtimeId } = await daemon.bridge();
  await daemon.stop('SIGTERM');
  for (const client of clients) {
    const { code, reason } = await soon(client.closed, 'the close');
    assert.equal(code, 1001);
    assert.match(reason, /^\[STOPPING\] /);
  }
  assert.match(daemon.program.stdout, new RegExp(`main: runtime ${runtimeId} stopped`));
  const own = `${daemon.sandbox.env.XDG_CONFIG_HOME}/chromium`;
  assert.ok(!existsSync(own), "the browser kept out of the user's own configuration");
});

/** What a daemon keeps in its runtime directory while it runs. */
function runtimeFiles(sandbox) {
  return readdirSync(`${sandbox.env.XDG_RUNTIME_DIR}/bctrl-bridge`);
}

/** serve with `words` before it, ready. */
async function serveUnder(t, ...words) {
  const sandbox = new Sandbox(t);
  const [command, ...args] = [...words, BINARY, 'serve', '--config', sandbox.file('config.yaml', CONFIG)];
  const daemon = new Daemon(sandbox, sandbox.start(command, args));
  await eventually(() => assert.match(daemon.program.stdout, /Paste one of these/), { within: 60_000 });
  daemon.backend = (await daemon.status()).backend.baseUrl;
  return daemon;
}

test('SIGTERM of timeout, which arrives twice, is one wish: runtimes are stopped and no file is left', async (t) => {
  const daemon = await serveUnder(t, 'timeout', '--preserve-status', '600');
  const { runtimeId } = await daemon.ask('up', 'main');
  await daemon.stop('SIGTERM'); // with exit code 0
  assert.match(daemon.program.stdout, new RegExp(`main: runtime ${runtimeId} stopped`));
  assert.doesNotMatch(daemon.program.stdout, /ended at once/);
  assert.deepEqual(runtimeFiles(daemon.sandbox), []);
});

test('under nohup SIGHUP is ignored', async (t) => {
  const daemon = await serveUnder(t, 'sh', '-c', 'trap "" HUP; exec "$@"', 'sh');
  daemon.program.kill('SIGHUP');
  assert.equal((await daemon.status()).draining, false);
  await daemon.stop('SIGTERM');
});

test('a daemon that is stopped like a job in a shell does not make status hang', async (t) => {
  const daemon = await Daemon.start(t);
  daemon.program.kill('SIGSTOP');
  const { code, stdout, stderr } = await daemon.sandbox.cli(['status'], { within: 30_000 });
  daemon.program.kill('SIGCONT');
  assert.deepEqual([code, stdout], [5, '']);
  assert.match(stderr, /^bctrl-bridge: the daemon does not answer \(.*timed out\)\. .+\n$/);
  await daemon.stop();
});

test('a second SIGINT ends at once with 130, and takes Chromium along', async (t) => {
  const daemon = await Daemon.start(t);
  const silent = await upgrade(daemon.ws); // takes no close frame, so the polite end has to wait for it
  assert.equal(silent.status, 101);
  silent.socket.pause();
  assert.ok(daemon.sandbox.browsers().length > 0);
  daemon.program.kill('SIGINT');
  await eventually(() => assert.match(daemon.program.stdout, /stopping; once more to end at once/));
  await eventually(() => {
    daemon.program.kill('SIGINT'); // as an impatient person would
    assert.equal(daemon.program.running, false);
  }, { within: 4_000 });
  assert.equal(await daemon.program.end(), 130);
  assert.match(daemon.program.stdout, /ended at once/);
  assert.deepEqual(runtimeFiles(daemon.sandbox), []);
  silent.socket.destroy();
});

test('a client that does not take its close frame does not hold up the end for long', async (t) => {
  const daemon = await Daemon.start(t);
  const silent = await upgrade(daemon.ws);
  silent.socket.pause();
  const begun = performance.now();
  await daemon.stop();
  const took = performance.now() - begun;
  assert.ok(took < 15_000, `${took} ms`);
  silent.socket.destroy();
});

test('a run that somebody else started is not stopped when the daemon ends', async (t) => {
  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const { runtimeId } = await daemon.bridge();
  await daemon.ask('stop', 'main');
  assert.equal((await daemon.rest('POST', `/v1/runtimes/${runtimeId}/start`, {})).status, 200);
  const up = await daemon.ask('up', 'main');
  assert.equal(up.startedHere, false);
  await daemon.stop(); // the embedded backend ends with the daemon, and its browsers with it
  assert.match(daemon.program.stdout, /was not started here and is left alone/);
});

test('explain knows every code, in any case', async (t) => {
  const sandbox = new Sandbox(t);
  const all = (await sandbox.cli(['explain'])).stdout.trim().split('\n').map((line) => line.split(' ')[0]);
  for (const code of ['API_UNREACHABLE', 'AUTH', 'CONTROLLER_BUSY', 'QUOTA', 'UPSTREAM_LOST']) assert.ok(all.includes(code));
  for (const code of all) {
    const { code: exit, stdout } = await sandbox.cli(['explain', code.toLowerCase()]);
    assert.equal(exit, 0);
    assert.match(stdout, new RegExp(`^${code}\\n {2}.+\\n {2}.+\\n {2}HTTP \\d{3}, exit code \\d+\\n$`));
  }
});

test('--version and --help are printed on standard output', async (t) => {
  const sandbox = new Sandbox(t);
  assert.match((await sandbox.cli(['--version'])).stdout, /^bctrl-bridge \d+\.\d+\.\d+\n$/);
  for (const args of [['--help'], ['serve', '--help'], ['local', '--help'], ['config', 'show', '--help']]) {
    const { code, stdout, stderr } = await sandbox.cli(args);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /Usage: bctrl-bridge/);
  }
});

test('config show tells what is in effect and who said it: flag, file or default', async (t) => {
  const sandbox = new Sandbox(t);
  const file = sandbox.file('some.yaml', 'version: 1\nbackend: local\nlog: {level: warn}\nservice: {port: 9876}\n');
  const check = await sandbox.cli(['config', 'check', file]);
  assert.deepEqual([check.code, check.stderr], [0, '']);
  assert.match(check.stdout, /some\.yaml: valid, 1 bridge\(s\)/);
  assert.match((await sandbox.cli(['config', 'check'])).stdout, /built-in defaults: valid/);

  const shown = await sandbox.cli(['config', 'show', '--origin', '--config', file, '--log-level', 'debug']);
  assert.equal(shown.code, 0);
  assert.match(shown.stdout, /level: debug +# flag --log-level/);
  assert.match(shown.stdout, /port: 9876 +# \S*some\.yaml:4/);
  assert.match(shown.stdout, /base_url: \S+ +# default/);

  // What show prints is itself a configuration with the same effect.
  const again = sandbox.file('again.yaml', (await sandbox.cli(['config', 'show', '--config', file])).stdout);
  const plain = await sandbox.cli(['config', 'show', '--config', again]);
  assert.equal(plain.stdout, (await sandbox.cli(['config', 'show', '--config', file])).stdout);
});

test('the configuration is found in XDG_CONFIG_HOME', async (t) => {
  const sandbox = new Sandbox(t);
  sandbox.file('config/bctrl-bridge/config.yaml', 'version: 1\nbridges: [{name: from-home}]\n');
  const { stdout } = await sandbox.cli(['config', 'show', '--origin']);
  assert.match(stdout, /name: from-home +# .*config\.yaml:2/);
});

test('local runs the backend alone and prints its address', async (t) => {
  const sandbox = new Sandbox(t);
  const program = sandbox.start(BINARY, ['local', '--port', '0', '--in-memory', '--log-level', 'trace']);
  const base = await eventually(() => {
    const found = /BCTRL_BASE_URL=(\S+)/.exec(program.stdout);
    assert.ok(found, 'the address is printed');
    return found[1];
  });
  assert.equal((await fetch(`${base}/auth/whoami`)).status, 401, 'a key is asked for');
  const reply = await fetch(`${base}/auth/whoami`, { headers: { authorization: `Bearer ${LOCAL_KEY}` } });
  assert.equal(reply.status, 200);
  assert.ok((await reply.json()).keyId);
  program.kill('SIGTERM');
  assert.equal(await program.end(), 0);
});

test('local --state keeps what it was told; the directory is its own', async (t) => {
  const sandbox = new Sandbox(t);
  const state = `${sandbox.dir}/kept`;
  mkdirSync(state, { mode: 0o700 });
  const ids = [];
  for (let life = 0; life < 2; ++life) {
    const program = sandbox.start(BINARY, ['local', '--port', '0', '--state', state]);
    const base = await eventually(() => /BCTRL_BASE_URL=(\S+)/.exec(program.stdout)[1]);
    const headers = { authorization: `Bearer ${LOCAL_KEY}`, 'content-type': 'application/json' };
    if (life === 0) await fetch(`${base}/runtimes`, { method: 'POST', headers, body: '{"name":"kept"}' });
    const { data } = await (await fetch(`${base}/runtimes`, { headers })).json();
    ids.push(data.map(({ id }) => id));
    program.kill('SIGINT');
    assert.equal(await program.end(), 0);
  }
  assert.equal(ids[0].length, 1);
  assert.deepEqual(ids[1], ids[0]);
});
