import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cdp } from './lib/cdp.mjs';
import { attach as attachPlaywright } from './lib/clients/playwright.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { servePages } from './lib/pages.mjs';
import { BINARY, Sandbox } from './lib/sandbox.mjs';

const bridges = (...lines) => CONFIG.slice(0, CONFIG.indexOf('  - {')) + lines.map((line) => `  - ${line}\n`).join('');
const write = (daemon, config) => daemon.sandbox.file('config.yaml', config);
const located = (daemon) => JSON.parse(readFileSync(join(daemon.sandbox.env.XDG_RUNTIME_DIR, 'bctrl-bridge/bridges.json'), 'utf8'));

async function works(client) {
  const before = await client.count();
  await client.click();
  assert.equal(await client.count(), before + 1);
}

test('a reload takes bridges away, brings others and changes rules; who is not concerned does not notice', async (t) => {
  const site = await servePages(t);
  const daemon = await Daemon.start(t, {
    config: bridges('{name: main, port: 0}', '{name: old, port: 0}', '{name: moved, port: 0, runtime: {name: one}}'),
  });
  const client = await attachPlaywright({ address: daemon.http, site });
  const old = await Cdp.connect(daemon.bridges.old.ws);
  const moved = await Cdp.connect(daemon.bridges.moved.ws);
  const oldRuntime = (await daemon.bridge('old')).runtimeId;
  const movedTo = new URL(daemon.bridges.moved.http).port;

  write(daemon, bridges('{name: new, port: 0}', '{name: main, port: 0, limits: {clients: 1}}', '{name: moved, port: 0, runtime: {name: two}}'));
  const done = await daemon.ask('reload');
  assert.deepEqual(done, {
    bridges: [
      { name: 'new', change: 'added', keys: [] },
      { name: 'main', change: 'adjusted', keys: ['limits.clients'] },
      { name: 'moved', change: 'replaced', keys: ['runtime'] },
      { name: 'old', change: 'removed', keys: [] },
    ],
    keys: [],
    atNextStart: [],
    left: [],
  });
  for (const { closed } of [old, moved]) {
    const { code, reason } = await closed;
    assert.deepEqual([code, reason], [1001, '[STOPPING] the configuration has changed']);
  }
  await works(client);
  const { body } = await daemon.rest('GET', `/v1/runtimes/${oldRuntime}`);
  assert.equal(body.status, 'stopped', 'the runtime of the bridge that has gone is stopped');
  const names = ['new', 'main', 'moved'];
  assert.deepEqual((await daemon.status()).bridges.map(({ name }) => name), names);
  assert.deepEqual(located(daemon).bridges.map(({ name }) => name), names);

  const now = await daemon.bridge('moved');
  assert.equal(new URL(now.http).port, movedTo);
  const again = await Cdp.connect(now.ws);
  assert.match((await again.send('Browser.getVersion')).product, /^Chrome\//);
  again.close();
  const full = await Cdp.connect(daemon.ws).catch((error) => error);
  assert.ok(full instanceof Error, 'the new limit holds');
  await client.leave();
  await daemon.quiet();
  await daemon.stop();
});

test('a configuration that is wrong changes nothing, and is explained where it is wrong', async (t) => {
  const daemon = await Daemon.start(t, { config: bridges('{name: main, port: 0}') });
  const cdp = await Cdp.connect(daemon.ws);
  const path = write(daemon, bridges('{name: main, port: 0, idle_stop: soon}', '{name: new, prot: 0}'));
  const { code, stdout, stderr } = await daemon.cli('reload');
  assert.deepEqual([code, stdout], [3, '']);
  assert.ok(stderr.includes(`${path}:7:`), stderr);
  assert.ok(stderr.includes(`${path}:8:`), stderr);
  assert.match(stderr, /then `bctrl-bridge reload`/);
  assert.deepEqual((await daemon.status()).bridges.map(({ name }) => name), ['main']);
  assert.match((await cdp.send('Browser.getVersion')).product, /^Chrome\//);

  write(daemon, bridges('{name: main, port: 0}').replace('level: trace', 'level: warn').replace('local: {port: 0}', 'local: {port: 0, recording: true}'));
  const said = await daemon.cli('reload');
  assert.deepEqual([said.code, said.stdout], [0, 'changed: log.level\ntakes effect at the next start: local.recording\n']);
  assert.match((await cdp.send('Browser.getVersion')).product, /^Chrome\//);
  cdp.close();
  await daemon.stop();
});

test('SIGHUP reloads, and a bridge that was given its port keeps it when one before it goes', async (t) => {
  const config = bridges('{name: first}', '{name: second}');
  const daemon = await Daemon.start(t, { config });
  const cdp = await Cdp.connect(daemon.bridges.second.ws);
  write(daemon, bridges('{name: second}', '{name: third}'));
  daemon.program.kill('SIGHUP');
  await eventually(async () =>
    assert.deepEqual((await daemon.status()).bridges.map(({ name, http }) => [name, http]), [
      ['second', daemon.bridges.second.http],
      ['third', daemon.bridges.first.http],
    ]));
  assert.match((await cdp.send('Browser.getVersion')).product, /^Chrome\//);
  write(daemon, 'version: 2\n');
  daemon.program.kill('SIGHUP');
  await eventually(() => assert.match(daemon.program.stderr, /error \[CONFIG_INVALID\] .*config\.yaml:1/));
  assert.match((await cdp.send('Browser.getVersion')).product, /^Chrome\//);
  cdp.close();
  await daemon.stop();
});

test('a file that has gone is no configuration, and no reload stops an end that is under way', async (t) => {
  const sandbox = new Sandbox(t);
  const path = sandbox.file('config/bctrl-bridge/config.yaml', bridges('{name: main, port: 0}').replace('bridges:', 'drain: 4s\nbridges:'));
  const daemon = await Daemon.start(t, { sandbox, config: null });
  const cdp = await Cdp.connect(daemon.ws);
  renameSync(path, `${path}.old`);
  const { code, stderr } = await daemon.cli('reload');
  assert.equal(code, 3);
  assert.match(stderr, /\[CONFIG_INVALID\] .*config\.yaml is not there any more/);
  renameSync(`${path}.old`, path);
  const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  cdp.send('Runtime.evaluate', { expression: 'new Promise(() => {})', awaitPromise: true }, sessionId).catch(() => {});
  await eventually(async () => assert.equal((await daemon.bridge()).pending, 1));
  daemon.program.kill('SIGTERM');
  await delay(1200);
  daemon.program.kill('SIGHUP');
  assert.equal(await daemon.program.end(), 0);
  assert.doesNotMatch(daemon.program.stdout, /ended at once/);
});

test('when its terminal goes the daemon ends, and its runtimes with it', async (t) => {
  const sandbox = new Sandbox(t);
  const config = sandbox.file('config.yaml', CONFIG);
  const script = sandbox.start('script', ['--quiet', '--flush', '--command', `exec ${BINARY} serve --config ${config}`, '/dev/null']);
  const status = async () => {
    const { code, stdout, stderr } = await sandbox.cli(['status', '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const { pid } = await eventually(status, { within: 60_000 });
  assert.equal((await sandbox.cli(['up', 'main'])).code, 0);
  process.kill(pid, 'SIGHUP'); // with the terminal there it is a reload
  await eventually(() => assert.match(script.stdout, /reloaded from \S+config\.yaml: nothing has changed/));
  assert.equal((await status()).draining, false);
  assert.notDeepEqual(sandbox.browsers(), []);
  script.kill('SIGKILL');
  await eventually(() => assert.deepEqual(sandbox.processes(), []));
  assert.deepEqual(readdirSync(join(sandbox.env.XDG_RUNTIME_DIR, 'bctrl-bridge')), [], 'it ended in order');
});
