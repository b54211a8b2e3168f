import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';

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
  for (let tries = 0; tries < 800; ++tries) {
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

  /** What the programs find around them. */
  env() {
    return { PATH: process.env.PATH, HOME: this.#dir, XDG_RUNTIME_DIR: this.#dir };
  }

  async start(name, program, args, port, env = {}, until = undefined) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...this.env(), ...env } });
    child.said = '';
    const keep = (text) => (child.said = (child.said + text).slice(-4000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(error.message));
    this.#children.push(child);
    while (until && !until.test(child.said) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
    await untilListening(port, child, name);
    return child;
  }

  /** A certificate of our own for 127.0.0.1, which is its own authority: {cert, key}, made once. */
  #certificate() {
    if (this.cert) return this.cert;
    const [cert, key] = [join(this.#dir, 'cert.pem'), join(this.#dir, 'key.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return (this.cert = { cert, key });
  }

  /** Starts the upstream. */
  async echo({ tls = false, targets = 4 } = {}) {
    const port = await freePort();
    const args = ['--port', String(port), '--targets', String(targets), '--max-seconds', '3600'];
    if (tls) args.push('--tls-cert', this.#certificate().cert, '--tls-key', this.#certificate().key);
    const child = await this.start('cdp-echo', this.tools.echo, args, port);
    this.upstream = { port, tls, pid: child.pid, url: `${tls ? 'wss' : 'ws'}://127.0.0.1:${port}${PATH}` };
  }

  direct() {
    return { name: 'direct', url: this.upstream.url };
  }

  /** A real browser in the upstream's place. */
  async chromium() {
    const port = await freePort();
    const args = ['--headless=new', `--remote-debugging-port=${port}`, `--user-data-dir=${join(this.#dir, 'profile')}`,
      '--no-first-run', '--disable-background-networking', '--disable-gpu', 'about:blank'];
    if (process.getuid() === 0) args.unshift('--no-sandbox');
    const child = await this.start('chromium', process.env.BCTRL_BRIDGE_CHROMIUM ?? 'chromium', args, port);
    const http = `http://127.0.0.1:${port}`;
    const { webSocketDebuggerUrl: url } = await (await fetch(`${http}/json/version`)).json();
    this.upstream = { port, tls: false, pid: child.pid, url };
    return { name: 'direct', url, http };
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
  server upstream 127.0.0.1:${this.upstream.port}${this.upstream.tls ? ` ssl verify required ca-file ${this.#certificate().cert}` : ''}
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
      proxy_pass ${this.upstream.tls ? 'https' : 'http'}://127.0.0.1:${this.upstream.port};
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

  /**
   * The whole daemon, with its policy, metrics, limits and logs, as anybody runs it. `under`: words of a command that runs
   * it; `env`: what it finds besides; `more`: of the bridge's configuration; `bridges`: how many there are; `until`: it has
   * said so, besides answering.
   */
  async bridge({ under = [], env = {}, more = '', bridges = 1, until } = {}) {
    const [port, service] = [await freePort(), await freePort()];
    this.config = `
version: 1
service: {port: ${service}}
${this.upstream.tls ? `api: {ca_file: ${this.#certificate().cert}}` : ''}
bridges:
  - {name: main, port: ${port}, upstream: "${this.upstream.url}"${more}}
${Array.from({ length: bridges - 1 }, (_, i) => `  - {name: more-${i}, port: 0, upstream: "${this.upstream.url}"}`).join('\n')}
`;
    const config = this.file('config.yaml', this.config);
    const [program, ...args] = [...under, this.tools.bridge, 'serve', '--config', config];
    const child = await this.start('bctrl-bridge', program, args, port, env, until);
    return { name: 'bridge', url: `ws://127.0.0.1:${port}/devtools/browser`, port, pid: child.pid };
  }

  /** The time in ms in which the bridge's daemon has taken `config` in place of what it runs, as its control socket sees it. */
  async reload(config) {
    this.file('config.yaml', config);
    const begun = performance.now();
    const socketPath = join(this.#dir, 'bctrl-bridge/control.sock');
    const reply = await new Promise((resolve, reject) => {
      http.request({ socketPath, path: '/reload', method: 'POST' }, resolve).on('error', reject).end();
    });
    const body = await textOf(reply);
    if (reply.statusCode !== 200) throw new Error(`reload: ${body}`);
    return { ms: performance.now() - begun, ...JSON.parse(body) };
  }

  /** A run of cdp-load beside others, whose figures are not wanted: {child, ended, isOver()}. */
  loadBeside(way, flags) {
    const args = ['--url', way.url];
    for (const [flag, value] of Object.entries(flags)) args.push(`--${flag}`, String(value));
    const child = spawn(this.tools.load, args, { stdio: 'ignore' });
    return { child, ended: new Promise((resolve) => child.on('close', resolve)), isOver: () => child.exitCode !== null };
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

  /** What it said at its end. */
  async #end(child) {
    if (child.exitCode !== null) return child.said;
    child.kill('SIGTERM');
    await new Promise((resolve) => {
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      child.on('close', () => (clearTimeout(late), resolve()));
    });
    return child.said;
  }

  async stopOne({ pid }) {
    return this.#end(this.#children.find((child) => child.pid === pid));
  }

  async stopAll() {
    for (const child of this.#children.splice(0).reverse()) await this.#end(child);
  }

  async stop() {
    await this.stopAll();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
