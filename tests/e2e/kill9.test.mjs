import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { BINARY, Sandbox } from './lib/sandbox.mjs';

const LIMIT = 5_000;
const KEPT_PROFILE = CONFIG.replace('runtime: {name: main}', 'runtime: {name: main, config: {profile: true}}');

async function killWithClients(t, daemon) {
  const clients = await Promise.all([Cdp.connect(daemon.ws), Cdp.connect(daemon.ws)]);
  for (const client of clients) await client.send('Target.createTarget', { url: 'about:blank' });
  assert.ok(daemon.sandbox.browsers().length > 0, 'a browser runs');

  await daemon.kill9();
  const killed = performance.now();
  await eventually(() => assert.deepEqual(daemon.sandbox.processes(), []), { within: LIMIT, every: 10 });
  t.diagnostic(`no process left ${Math.round(performance.now() - killed)} ms after SIGKILL`);
  for (const client of clients) await soon(client.closed, 'the end of a client');
}

for (const [kind, config] of Object.entries({ scratch: CONFIG, kept: KEPT_PROFILE })) {
  test(`kill -9 leaves no Chromium behind, and the next daemon works with what is there (${kind} profile)`, async (t) => {
    const first = await Daemon.start(t, { config });
    await killWithClients(t, first);
    assert.equal((await first.cli('status')).code, 5, 'the dead daemon is not taken for a living one');

    const second = await Daemon.start(t, { sandbox: first.sandbox, config });
    const cdp = await Cdp.connect(second.ws);
    assert.ok((await cdp.send('Browser.getVersion')).product);
    await cdp.close();
    const runs = await second.rest('GET', '/v1/runs');
    const open = runs.body.data.filter(({ finishedAt }) => finishedAt === null);
    assert.equal(runs.body.data.length, 2, 'the run of the dead daemon is remembered');
    assert.equal(open.length, 1, 'and it is over');
    await second.stop();
  });
}

test('after kill -9 of a backend in memory the next one removes its temporary directory', async (t) => {
  const sandbox = new Sandbox(t);
  const ours = () => readdirSync(sandbox.env.TMPDIR).filter((name) => name.startsWith('bctrl-bridge-'));
  const start = async () => {
    const program = sandbox.start(BINARY, ['local', '--port', '0', '--in-memory']);
    await eventually(() => assert.match(program.stdout, /BCTRL_BASE_URL=/), { within: 60_000 });
    return program;
  };
  const first = await start();
  const [left] = ours();
  first.kill('SIGKILL');
  await first.end();
  assert.deepEqual(ours(), [left]);

  const second = await start();
  assert.equal(ours().length, 1);
  assert.notEqual(ours()[0], left);
  second.kill('SIGTERM');
  assert.equal(await second.end(), 0);
  assert.deepEqual(ours(), []);
});
