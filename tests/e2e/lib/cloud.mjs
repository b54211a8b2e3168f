import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { LOCAL_KEY } from './daemon.mjs';
import { eventually } from './eventually.mjs';
import { Local } from './local.mjs';
import { BINARY, Sandbox } from './sandbox.mjs';

export const KILL_AT = join(dirname(BINARY), 'tests', 'kill_at.so');

/** The shortest lease that there is. */
export const LEASE_SECONDS = 30;

/** A local backend alone that plays the cloud: it outlives the daemons. */
export class Cloud {
  static async start(t) {
    const cloud = new Cloud();
    cloud.tags = new Map();
    cloud.local = await Local.start(t, { logLevel: 'info' });
    return cloud;
  }

  get origin() {
    return this.local.origin;
  }

  async rest(method, path, body) {
    const headers = { authorization: `Bearer ${LOCAL_KEY}` };
    if (body) headers['content-type'] = 'application/json';
    const reply = await fetch(`${this.origin}/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const answer = await reply.json();
    this.local.sandbox.secrets.addConnectUrl(answer?.connectUrl);
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** A runtime of somebody else, which runs: {runtimeId, runId}. */
  async startUntagged(name) {
    const { id } = await this.rest('POST', '/runtimes', { name });
    return this.rest('POST', `/runtimes/${id}/start`);
  }

  /**
   * All runtimes, with what lists leave out: [{id, name, status, activeRunId, tagged}]. Each is read once only: whose it is
   * does not change.
   */
  async runtimes(matches = () => true) {
    const all = [];
    for (let cursor = ''; ;) {
      const page = await this.rest('GET', `/runtimes?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      for (const runtime of page.data.filter(({ name }) => matches(name))) {
        const { id } = runtime;
        if (!this.tags.has(id)) {
          const { metadata } = await this.rest('GET', `/runtimes/${id}`);
          this.tags.set(id, typeof metadata?.bctrlBridgeOwner === 'string');
        }
        all.push({ ...runtime, tagged: this.tags.get(id) });
      }
      cursor = page.nextCursor;
      if (!cursor) return all;
    }
  }

  /** Names of the runtimes that a daemon has created and that run. */
  async activeTagged(matches) {
    const all = await this.runtimes(matches);
    return all.filter(({ tagged, status }) => tagged && status === 'active').map(({ name }) => name);
  }

  async untilNoneTagged(matches, within) {
    await eventually(async () => assert.deepEqual(await this.activeTagged(matches), []), { within, every: 250 });
  }

  async stop() {
    await this.local.stop();
  }
}

/** The home of daemons that come one after the other, with `origin` as their cloud. */
export class Owner {
  constructor(t, origin, { names, extra = '' }) {
    this.t = t;
    this.names = names;
    this.sandbox = new Sandbox(t);
    this.sandbox.secrets.add(LOCAL_KEY, "the tests' key");
    const bridges = names.map((name) => `  - {name: ${name}, port: 0, runtime: {name: ${name}}, lease: 30s ${extra}}`);
    this.config = this.sandbox.file(
      'config.yaml',
      `version: 1\nbackend: cloud\nservice: {port: 0}\nlog: {level: debug}\nbridges:\n${bridges.join('\n')}\n`,
    );
    this.env = { BCTRL_API_URL: `${origin}/v1`, BCTRL_API_KEY: LOCAL_KEY };
  }

  /** `serve`, not waited for. */
  begin(env = {}) {
    return this.sandbox.start(BINARY, ['serve', '--config', this.config], { env: { ...this.env, ...env } });
  }

  cli(...args) {
    return this.sandbox.cli([...args], { env: this.env });
  }

  async status() {
    const { code, stdout, stderr } = await this.cli('status', '--json');
    assert.equal(code, 0, stderr);
    const { bridges } = JSON.parse(stdout);
    return Object.fromEntries(bridges.map((bridge) => [bridge.name, bridge]));
  }

  /** `serve`, ready. */
  async start(env) {
    const program = this.begin(env);
    await eventually(() => assert.match(program.stdout, /Paste one of these/), { within: 30_000 });
    return program;
  }

  gc(...args) {
    return this.cli('gc', '--config', this.config, ...args);
  }
}
