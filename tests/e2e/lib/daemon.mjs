import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.mjs';
import { BINARY, Sandbox } from './sandbox.mjs';

/** Accepted by every local backend, and a canary: no program may print it. */
export const LOCAL_KEY = 'local_e2e_canary_5f1d7c';

/** The smallest configuration, with free ports and with everything logged that can be. */
export const CONFIG = `version: 1
backend: local
local: {port: 0}
service: {port: 0}
log: {level: trace}
bridges:
  - {name: main, port: 0, runtime: {name: main}}
`;

/** `bctrl-bridge serve` in a sandbox, ready to be attached to. */
export class Daemon {
  /** `config` is the text of the file; null: none, only the built-in defaults. */
  static async start(t, { sandbox = new Sandbox(t), config = CONFIG, args = [], env = {} } = {}) {
    sandbox.secrets.add(LOCAL_KEY, "the tests' key");
    const named = config === null ? [] : ['--config', sandbox.file('config.yaml', config)];
    const program = sandbox.start(BINARY, ['serve', ...named, ...args], { env });
    const daemon = new Daemon(sandbox, program);
    await Promise.race([
      eventually(() => program.running && daemon.#ready(), { within: 60_000 }),
      program.exited.then(({ code }) => assert.fail(`serve ended with ${code}: ${program.stderr}`)),
    ]);
    await daemon.#learn();
    return daemon;
  }

  constructor(sandbox, program) {
    this.sandbox = sandbox;
    this.program = program;
  }

  #ready() {
    return assert.match(this.program.stdout, /Paste one of these/);
  }

  async #learn() {
    const status = await this.status();
    this.backend = status.backend.baseUrl;
    this.service = status.service;
    this.bridges = Object.fromEntries(status.bridges.map((bridge) => [bridge.name, bridge]));
    const { http, ws } = status.bridges[0];
    Object.assign(this, { http, ws });
  }

  get pid() {
    return this.program.pid;
  }

  cli(...args) {
    return this.sandbox.cli(args);
  }

  /** A verb that must succeed; what it printed as JSON. */
  async ask(...args) {
    const { code, stdout, stderr } = await this.cli(...args, '--json');
    assert.equal(code, 0, `bctrl-bridge ${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  status() {
    return this.ask('status');
  }

  /** One bridge of the status. */
  async bridge(name = 'main') {
    const { bridges } = await this.status();
    return bridges.find((bridge) => bridge.name === name);
  }

  /** The bridge once nobody uses it: no client, no session, no command in flight. */
  async quiet(name = 'main') {
    return eventually(async () => {
      const bridge = await this.bridge(name);
      const { clients, sessions, pending } = bridge;
      assert.deepEqual({ clients, sessions, pending }, { clients: 0, sessions: 0, pending: 0 });
      return bridge;
    });
  }

  /** A call of the local backend's REST API: {status, body}. */
  async rest(method, path, body) {
    const headers = { authorization: `Bearer ${LOCAL_KEY}` };
    if (body) headers['content-type'] = 'application/json';
    const reply = await fetch(new URL(path, this.backend), { method, headers, body: body && JSON.stringify(body) });
    const text = await reply.text();
    const answer = text ? JSON.parse(text) : null;
    this.sandbox.secrets.addConnectUrl(answer?.connectUrl);
    return { status: reply.status, body: answer };
  }

  /** What the local backend counts of the runtime that is active now: starts, cdpConnections, cdpConnectionsTotal. */
  async counts() {
    const { status, body } = await this.rest('GET', '/_local/info');
    assert.equal(status, 200);
    assert.equal(body.runtimes.length, 1, 'one runtime is active');
    return body.runtimes[0];
  }

  /** However many clients there are and were: the runtime was started once and is connected to once. */
  async oneConnection() {
    const { starts, cdpConnections, cdpConnectionsTotal } = await this.counts();
    assert.deepEqual(
      { starts, cdpConnections, cdpConnectionsTotal },
      { starts: 1, cdpConnections: 1, cdpConnectionsTotal: 1 },
    );
  }

  /** Notes the addresses that lead past the lock, so that the sandbox looks for them in every log. */
  async #learnSecrets() {
    const { bridges } = await this.status();
    for (const { runtimeId } of bridges) if (runtimeId) await this.rest('GET', `/v1/runtimes/${runtimeId}`);
    const files = readdirSync(this.sandbox.dir, { recursive: true, withFileTypes: true });
    for (const file of files.filter(({ name }) => name === 'DevToolsActivePort')) {
      const [, path] = readFileSync(join(file.parentPath, file.name), 'utf8').split('\n');
      this.sandbox.secrets.add(path?.split('/').at(-1), "Chromium's own address");
    }
  }

  /** The polite end: everything that was started is gone when the daemon is. */
  async stop(signal = 'SIGINT') {
    await this.#learnSecrets();
    this.program.kill(signal);
    assert.equal(await this.program.end(), 0, `exit code after ${signal}`);
    assert.deepEqual(this.sandbox.browsers(), [], 'no browser outlives the daemon');
  }

  /** The rude end. */
  async kill9() {
    await this.#learnSecrets();
    this.program.kill('SIGKILL');
    assert.equal(await this.program.end(), 'SIGKILL');
  }
}
