import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { eventually } from './eventually.mjs';
import { browsersOf, processesOf } from './processes.mjs';
import { Program } from './program.mjs';
import { Secrets } from './secrets.mjs';

export const BINARY = resolve(process.env.BCTRL_BRIDGE_BIN);

// Of the tests' own environment only what sanitizers need goes on: results must not depend on who runs them.
const PASSED_ON = ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'];

/**
 * A private home for one or more runs of bctrl-bridge: its directories, its environment, everything it printed, and
 * the secrets that must not be among that. `t` is the test it belongs to; it ends with the test, and then no process
 * and no secret may be left.
 */
export class Sandbox {
  #programs = [];

  constructor(t) {
    this.secrets = new Secrets();
    // Short: the path of the control socket has 107 bytes at most.
    this.dir = mkdtempSync(join(tmpdir(), 'bb-'));
    this.logs = this.#folder('logs');
    this.env = {
      PATH: `${dirname(BINARY)}:/usr/local/bin:/usr/bin:/bin`,
      LANG: 'C.UTF-8',
      HOME: this.#folder('home'),
      TMPDIR: this.#folder('tmp'),
      XDG_RUNTIME_DIR: this.#folder('run'),
      XDG_STATE_HOME: this.#folder('state'),
      XDG_CONFIG_HOME: this.#folder('config'),
    };
    for (const name of PASSED_ON) if (process.env[name]) this.env[name] = process.env[name];
    // A test that is ended from outside runs no hooks.
    this.onExit = () => this.#killAll();
    process.once('exit', this.onExit);
    t.after(() => this.#close(t));
  }

  #folder(name) {
    const path = join(this.dir, name);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /** Writes a file and returns its path. */
  file(name, content, mode = 0o600) {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  /** Starts a program; relative names are found in the sandbox's PATH. */
  start(command, args, { env = {}, cwd = this.env.HOME } = {}) {
    const number = String(this.#programs.length).padStart(3, '0');
    const word = args.find((argument) => /^[a-z]+$/.test(argument)) ?? 'run';
    const log = join(this.logs, `${number}-${command.split('/').at(-1)}-${word}`);
    const program = new Program(command, args, { env: { ...this.env, ...env }, cwd, log });
    this.#programs.push(program);
    return program;
  }

  /** Runs bctrl-bridge to its end: {code, stdout, stderr}. */
  async cli(args, options = {}) {
    const program = this.start(BINARY, args, options);
    const code = await program.end(options.within);
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  processes() {
    return processesOf(this.dir);
  }
  browsers() {
    return browsersOf(this.dir);
  }

  #killAll() {
    for (const program of this.#programs) program.kill();
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
  }

  #printLogs() {
    for (const program of this.#programs.filter(({ stderr }) => stderr !== '')) {
      const lines = `${program.stdout}\n${program.stderr}`.trim().split('\n');
      console.error(`--- ${program.name}\n${lines.slice(-60).join('\n')}`);
    }
  }

  async #close(t) {
    process.off('exit', this.onExit);
    const leaks = this.secrets.foundBelow(this.logs);
    let left = [];
    try {
      await eventually(() => assert.deepEqual((left = this.processes()), []), { within: t.passed ? 5_000 : 0 });
    } catch {
      this.#killAll();
    }
    if (!t.passed && process.env.E2E_QUIET !== '1') this.#printLogs();
    await eventually(() => rmSync(this.dir, { recursive: true, force: true }));
    assert.deepEqual(leaks, [], 'secrets were printed');
    if (t.passed) assert.deepEqual(left, [], 'processes were left behind');
  }
}
