import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { soon, eventually } from './lib/eventually.mjs';
import { Peer } from './lib/peer.mjs';
import { startTwins } from './lib/twin.mjs';

// What one client may cost the others: nothing is lost, nothing is out of order, and nobody waits for him. How long the
// others' round trips take is told; with BURDEN_DIRECT=1 beside what the same burden costs them without a bridge.

const MAIN = fileURLToPath(new URL('lib/offenders/main.mjs', import.meta.url));

class Offender {
  #program;

  static async start(t, sandbox, kind, address) {
    const program = sandbox.start(process.execPath, [MAIN, kind, address]);
    t.after(() => program.kill());
    const offender = new Offender(program);
    await offender.says(/^attached$/m);
    return offender;
  }
  constructor(program) {
    this.#program = program;
  }
  /** What it says, once it does. */
  says(what) {
    return eventually(() => what.exec(this.#program.stdout) ?? assert.fail(`${this.#program.stdout}${this.#program.stderr}`), { within: 60_000 });
  }
  async over() {
    return (await this.says(/^over: (.*)$/m))[1];
  }
  stop() {
    this.#program.kill('SIGSTOP');
  }
  goOn() {
    this.#program.kill('SIGCONT');
  }
  async ends() {
    assert.equal(await this.#program.end(), 0);
  }
}

const ms = ({ asked, p50, p99, max }) => `${asked} round trips, p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(0)} ms`;

test('a client that is a burden is one to nobody else', async (t) => {
  const { chromium, daemon } = await startTwins(t);

  /** The peer's times while `work` goes on, next to those without it. */
  async function beside(label, address, work) {
    const peer = await Peer.start(address);
    const alone = await peer.ask();
    const over = work(peer);
    const burdened = await peer.ask({ over });
    t.diagnostic(`${label}: alone ${ms(alone)}`);
    t.diagnostic(`${label}: beside it ${ms(burdened)}`);
    await peer.leave();
    return over;
  }
  const direct = async (kind) => {
    if (process.env.BURDEN_DIRECT !== '1') return;
    await beside(`${kind}, direct`, chromium.ws, async () => {
      const offender = await Offender.start(t, daemon.sandbox, kind, chromium.ws);
      await offender.over();
      await offender.ends();
    });
  };

  await t.test('a reply of 200 MiB reaches the one who asked', async () => {
    await direct('reply');
    await beside('reply', daemon.ws, async () => {
      const offender = await Offender.start(t, daemon.sandbox, 'reply', daemon.ws);
      assert.equal(await offender.over(), '200 MiB came');
      await offender.ends();
    });
    await daemon.quiet();
  });

  await t.test('a command of 65 MiB closes the one who sent it, and him alone', async () => {
    await direct('command');
    await beside('command', daemon.ws, async () => {
      const offender = await Offender.start(t, daemon.sandbox, 'command', daemon.ws);
      assert.match(await offender.over(), /^closed 1009 /);
      await offender.ends();
    });
    await daemon.quiet();
  });

  await t.test('a reader that stops is closed, him alone, and the runtime is read on', async () => {
    await beside('reader', daemon.ws, async () => {
      const offender = await Offender.start(t, daemon.sandbox, 'reader', daemon.ws);
      await eventually(() => assert.match(daemon.program.stderr, /does not read: \d+ bytes wait for it, it is closed/), { within: 30_000 });
      await eventually(async () => assert.equal((await daemon.bridge()).clients, 1), { within: 30_000 });
      offender.goOn();
      assert.match(await offender.over(), /^closed (1006|1013) /);
      await offender.ends();
    });
    await daemon.quiet();
  });

  await t.test('a stopped client that holds new targets up is named within 10 s, and let go of', async () => {
    await beside('holder', daemon.ws, async ({ cdp }) => {
      const offender = await Offender.start(t, daemon.sandbox, 'holder', daemon.ws);
      await offender.says(/^holding$/m);
      const begin = performance.now();
      const stopped = offender.says(/^answered a ping$/m).then(() => offender.stop()); // and it answers none after
      const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
      const gone = cdp.send('Page.navigate', { url: 'data:text/html,<title>there</title>' }, sessionId);
      await eventually(() => assert.match(daemon.program.stderr, /c\d+ \S* ?holds up the start of target/), { within: 10_000 });
      await stopped;
      t.diagnostic(`named after ${Math.round(performance.now() - begin)} ms`);
      await soon(gone, 'the navigation', 10_000);
      t.diagnostic(`the others' new page has navigated after ${Math.round(performance.now() - begin)} ms`);
      await eventually(async () => {
        const { result } = await cdp.send('Runtime.evaluate', { expression: 'document.title' }, sessionId);
        assert.equal(result.value, 'there');
      });
      offender.goOn();
      assert.match(await offender.over(), /^closed (1006|1013|1001|1008) /);
      await offender.ends();
      await cdp.send('Target.closeTarget', { targetId });
    });
    await daemon.quiet();
  });

  await daemon.stop();
  await chromium.kill();
});
