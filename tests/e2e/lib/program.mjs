import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { soon } from './eventually.mjs';

/** A running program whose output goes to two files, which outlive it. */
export class Program {
  #child;

  constructor(command, args, { env, cwd, log }) {
    this.name = [command.split('/').at(-1), ...args].join(' ');
    this.outFile = `${log}.out`;
    this.errFile = `${log}.err`;
    const out = openSync(this.outFile, 'w');
    const err = openSync(this.errFile, 'w');
    this.#child = spawn(command, args, { env, cwd, stdio: ['ignore', out, err] });
    closeSync(out);
    closeSync(err);
    this.running = true;
    /** {code, signal} */
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => {
        this.running = false;
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => {});
  }

  get pid() {
    return this.#child.pid;
  }
  get stdout() {
    return readFileSync(this.outFile, 'utf8');
  }
  get stderr() {
    return readFileSync(this.errFile, 'utf8');
  }

  kill(signal = 'SIGKILL') {
    if (this.running) this.#child.kill(signal);
  }

  /** Its exit code, or the name of the signal that ended it. */
  async end(within = 60_000) {
    const { code, signal } = await soon(this.exited, `the end of \`${this.name}\``, within);
    return signal ?? code;
  }
}
