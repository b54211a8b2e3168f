import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The ways from clients to the upstream that are compared: straight, through HAProxy and nginx, and through the bridge.

const PATH = '/devtools/browser/bench';

/** A port that was free a moment ago. */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilListening(port, child, name) {
  for (let tries = 0; tries < 200; ++tries) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${child.said}`);
    const open = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} does not listen on ${port}: ${child.said}`);
}

/** Programs of one comparison, in a folder of their own. */
export class Bench {
  #children = [];
  #dir = mkdtempSync(join(tmpdir(), 'bctrl-bench-'));

  constructor(tools) {
    this.tools = tools; // {echo, load, bridge}
  }

  file(name, text) {
    const path = join(this.#dir, name);
    writeFileSync(path, text);
    return path;
  }

  async start(name, program, args, port, env = {}) {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.#dir, XDG_RUNTIME_DIR: this.#dir, ...env },
    });
    child.said = '';
    const keep = (text) => (child.said = (child.said + text).slice(-4000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(error.message));
    this.#children.push(child);
    await untilListening(port, child, name);
    return child;
  }

  /** The upstream: its URL. */
  async echo() {
    const port = await freePort();
    await this.start('cdp-echo', this.tools.echo, ['--port', String(port), '--max-seconds', '3600'], port);
    this.upstream = { port, url: `ws://127.0.0.1:${port}${PATH}` };
    return { name: 'direct', url: this.upstream.url };
  }

  async haproxy(mode) {
    const port = await freePort();
    const config = this.file(`haproxy-${mode}.cfg`, `
global
  nbthread 1
  maxconn 8000
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout tunnel 10m
listen bench
  bind 127.0.0.1:${port}
  server upstream 127.0.0.1:${this.upstream.port}
`);
    const child = await this.start(`haproxy (${mode})`, 'haproxy', ['-db', '-f', config], port);
    return { name: `HAProxy ${mode.toUpperCase()}`, url: `ws://127.0.0.1:${port}${PATH}`, pid: child.pid };
  }

  async nginx() {
    const port = await freePort();
    const config = this.file('nginx.conf', `
daemon off;
worker_processes 1;
pid ${join(this.#dir, 'nginx.pid')};
error_log ${join(this.#dir, 'nginx.log')};
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${join(this.#dir, 'body')};
  proxy_temp_path ${join(this.#dir, 'proxy')};
  fastcgi_temp_path ${join(this.#dir, 'fastcgi')};
  uwsgi_temp_path ${join(this.#dir, 'uwsgi')};
  scgi_temp_path ${join(this.#dir, 'scgi')};
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${this.upstream.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 10m;
    }
  }
}
`);
    const child = await this.start('nginx', 'nginx', ['-c', config], port);
    return { name: 'nginx', url: `ws://127.0.0.1:${port}${PATH}`, pid: child.pid };
  }

  /** The whole daemon, with its policy, metrics, limits and logs, as anybody runs it. */
  async bridge() {
    const [port, service] = [await freePort(), await freePort()];
    const config = this.file('config.yaml', `
version: 1
service: {port: ${service}}
bridges:
  - {name: main, port: ${port}, upstream: "${this.upstream.url}"}
`);
    const child = await this.start('bctrl-bridge', this.tools.bridge, ['serve', '--config', config], port);
    return { name: 'bridge', url: `ws://127.0.0.1:${port}/devtools/browser`, pid: child.pid };
  }

  /** One run of cdp-load: what it prints. A run that could not measure, or found a wrong message, is an error. */
  async load(way, flags) {
    const args = ['--url', way.url, '--label', way.name];
    if (way.pid) args.push('--pid', String(way.pid));
    for (const [flag, value] of Object.entries(flags)) args.push(`--${flag}`, String(value));
    const child = spawn(this.tools.load, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [said, complained] = ['', ''];
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (complained += text));
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) throw new Error(`cdp-load (${way.name}) ended with ${code}: ${complained}${said}`);
    return JSON.parse(said);
  }

  async stop() {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null) continue;
      child.kill('SIGTERM');
      await new Promise((resolve) => {
        const late = setTimeout(() => child.kill('SIGKILL'), 5000);
        child.on('close', () => (clearTimeout(late), resolve()));
      });
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
