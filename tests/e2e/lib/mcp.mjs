import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { soon } from './eventually.mjs';

/** A Model Context Protocol server, spoken to over its standard input and output. */
export class Mcp {
  #child;
  #lastId = 0;
  #waiting = new Map();

  /** `script` is run with the Node.js of the test, in the folder `cwd`, where it may leave things. */
  static async start(script, args, { cwd, env = {} } = {}) {
    const mcp = new Mcp(spawn(process.execPath, [script, ...args], { cwd, env: { ...process.env, ...env } }));
    const clientInfo = { name: 'e2e', version: '0' };
    await mcp.#ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
    mcp.#write({ method: 'notifications/initialized' });
    return mcp;
  }

  constructor(child) {
    this.#child = child;
    this.stderr = '';
    child.stderr.on('data', (chunk) => (this.stderr += chunk));
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    this.exited.then((code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`ended with ${code}: ${this.stderr}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
  }

  #take({ id, result, error }) {
    const asked = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) return asked?.reject(new Error(error.message));
    return asked?.resolve(result);
  }

  #write(message) {
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #ask(method, params) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#write({ id, method, params });
    return soon(answer, params.name ?? method, 30_000);
  }

  /** {text, images} of a tool's answer; throws what it complains about. */
  async call(name, args = {}) {
    const { content, isError } = await this.#ask('tools/call', { name, arguments: args });
    const text = content.filter(({ type }) => type === 'text').map((each) => each.text).join('\n');
    if (isError) throw new Error(`${name}: ${text}`);
    return { text, images: content.filter(({ type }) => type === 'image') };
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  async stop() {
    this.#child.stdin.end();
    const code = await soon(this.exited, 'the end of the MCP server');
    if (code !== 0) throw new Error(`the MCP server ended with ${code}: ${this.stderr}`);
  }
}
