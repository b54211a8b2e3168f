import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkResponse, operationIdOf } from './contract.mjs';
import { Coverage } from './coverage.mjs';
import { LOCAL_KEY } from './daemon.mjs';
import { eventually } from './eventually.mjs';
import { request } from './http.mjs';
import { BINARY, Sandbox } from './sandbox.mjs';
import { Bctrl } from './sdk.mjs';

/** `bctrl-bridge local` in a sandbox: the backend alone, as a developer or a CI job has it. */
export class Local {
  /** `state` is a folder to keep; none: in memory. */
  static async start(
    t,
    { sandbox = new Sandbox(t), state, coverage = new Coverage(), logLevel = 'trace', flags = [], env = {} } = {},
  ) {
    sandbox.secrets.add(LOCAL_KEY, "the tests' key");
    const where = state ? ['--state', state] : ['--in-memory'];
    const program = sandbox.start(BINARY, ['local', ...where, '--port', '0', '--log-level', logLevel, ...flags], {
      env,
    });
    const origin = await Promise.race([
      eventually(() => program.stdout.match(/BCTRL_BASE_URL=(\S+)\/v1/)?.[1] ?? assert.fail('no address yet'), {
        every: 10,
      }),
      program.exited.then(({ code }) => assert.fail(`local ended with ${code}: ${program.stderr}`)),
    ]);
    return new Local(sandbox, program, origin, coverage);
  }

  constructor(sandbox, program, origin, coverage) {
    Object.assign(this, { sandbox, program, origin, coverage });
    this.bctrl = new Bctrl({ apiKey: LOCAL_KEY, baseUrl: origin, coverage, seen: (body) => this.#seen(body) });
  }

  get pid() {
    return this.program.pid;
  }

  // What is secret in an answer must be in no log.
  #seen(body) {
    this.sandbox.secrets.addConnectUrl(body?.connectUrl);
    if (typeof body?.secret === 'string') this.sandbox.secrets.add(body.secret, 'an API key');
  }

  /**
   * A request exactly as written, for what no SDK would send: {id, status, headers, body}, the body parsed when it is
   * JSON. Held against the contract when it names one of its operations.
   */
  async raw(method, target, { headers = {}, key = LOCAL_KEY, ...rest } = {}) {
    const sent = { ...(key && { authorization: `Bearer ${key}` }), ...headers };
    const reply = await request(this.origin + target, { method, headers: sent, ...rest });
    const contentType = reply.headers['content-type'];
    const id = operationIdOf(method, target.split('?')[0]);
    if (id) {
      checkResponse(id, { status: reply.status, contentType, text: reply.body });
      this.coverage.record(id, reply.status);
    }
    const isJson = contentType?.startsWith('application/json');
    const body = isJson ? JSON.parse(reply.body) : reply.body;
    this.#seen(body);
    return { ...reply, id, body };
  }

  /** How many file descriptors it holds. */
  descriptors() {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  #learnSecrets() {
    const files = readdirSync(this.sandbox.dir, { recursive: true, withFileTypes: true });
    for (const file of files.filter(({ name }) => name === 'DevToolsActivePort')) {
      const [, path] = readFileSync(join(file.parentPath, file.name), 'utf8').split('\n');
      this.sandbox.secrets.add(path?.split('/').at(-1), "Chromium's own address");
    }
  }

  /** The polite end: every browser is gone when the backend is. */
  async stop(signal = 'SIGINT') {
    this.#learnSecrets();
    this.program.kill(signal);
    assert.equal(await this.program.end(), 0, `exit code after ${signal}`);
    assert.deepEqual(this.sandbox.browsers(), [], 'no browser outlives the backend');
  }

  /** The rude end. */
  async kill9() {
    this.program.kill('SIGKILL');
    assert.equal(await this.program.end(), 'SIGKILL');
  }
}
