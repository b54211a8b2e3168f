import assert from 'node:assert/strict';
import { eventually } from './eventually.mjs';
import { Sandbox } from './sandbox.mjs';

const FLAGS = [
  '--headless=new',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-breakpad',
  '--disable-crash-reporter',
];

/** A browser that nobody but the test started, with a debugging port: a fixed upstream. */
export class Chromium {
  static async start(t, { port = 0, flags = [] } = {}) {
    const sandbox = new Sandbox(t);
    const unsandboxed = process.getuid() === 0 ? ['--no-sandbox'] : [];
    const own = [`--remote-debugging-port=${port}`, `--user-data-dir=${sandbox.dir}/profile`, ...unsandboxed];
    const program = sandbox.start('/usr/bin/chromium', [...FLAGS, ...flags, ...own, 'about:blank']);
    const ws = await eventually(
      () => {
        const found = /DevTools listening on (ws:\S+)/.exec(program.stderr);
        assert.ok(found, program.stderr);
        return found[1];
      },
      { within: 60_000 },
    );
    return new Chromium(sandbox, program, ws);
  }

  constructor(sandbox, program, ws) {
    this.sandbox = sandbox;
    this.program = program;
    this.ws = ws;
    this.http = new URL(ws).origin.replace('ws:', 'http:');
    this.port = Number(new URL(ws).port);
  }

  /** As a crash would: no goodbye on any socket. */
  async kill() {
    for (const { pid } of this.sandbox.browsers()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone with its parent
      }
    }
    await this.program.end();
  }
}
