import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.mjs';

const MAIN = fileURLToPath(new URL('clients/main.mjs', import.meta.url));

/** A client of lib/clients/ in a process of its own, which ends with the test if not before. */
export class Client {
  #program;

  /** `given` is {address, site, …}. Yields the client once it has attached. */
  static async start(t, sandbox, kind, given) {
    const program = sandbox.start(process.execPath, [MAIN, kind, JSON.stringify(given)]);
    t.after(() => program.kill());
    const client = new Client(program, kind);
    await client.#says('attached');
    return client;
  }

  constructor(program, kind) {
    this.#program = program;
    this.kind = kind;
    /** Rejects if it ends before it is told to. */
    this.failed = program.exited.then(({ code }) => {
      if (!this.leaving) assert.fail(`${kind} ended with ${code}: ${program.stderr}`);
    });
    this.failed.catch(() => {});
  }

  async #says(line) {
    const said = new RegExp(`^${line}$`, 'm');
    await eventually(() => this.#program.running && assert.match(this.#program.stdout, said), { within: 60_000 });
    assert.match(this.#program.stdout, said, `${this.kind}: ${this.#program.stderr}`);
  }

  /** So many rounds more. */
  async works(rounds) {
    const from = this.rounds;
    for (let round = 1; round <= rounds; ++round) await this.#says(`round ${from + round}`);
  }

  get rounds() {
    return this.#program.stdout.match(/^round \d+$/gm)?.length ?? 0;
  }

  /** Ends its round, leaves and must have had no error. */
  async leave() {
    this.leaving = true;
    this.#program.kill('SIGTERM');
    assert.equal(await this.#program.end(), 0, `${this.kind}: ${this.#program.stderr}`);
  }
}
