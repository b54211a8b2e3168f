import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Chromium } from './chromium.mjs';
import { CONFIG, Daemon } from './daemon.mjs';
import { soon } from './eventually.mjs';

/** A Chromium, and a bridge in front of the same one: whoever asks both must not be able to tell which is which. */
export async function startTwins(t) {
  const chromium = await Chromium.start(t);
  const config = CONFIG.replace('runtime: {name: main}', `upstream: "${chromium.http}"`);
  const daemon = await Daemon.start(t, { config });
  await daemon.cli('up', 'main');
  return { chromium, daemon };
}

/**
 * Sends `bytes` as they are over TCP and yields the reply: {status, headers, body}, or
 * the word "closed" when it hangs up without an answer.
 */
export async function rawRequest(origin, bytes) {
  const { port } = new URL(origin);
  const socket = net.connect({ host: '127.0.0.1', port });
  const chunks = [];
  let ended = false;
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.on('close', () => { ended = true; });
  socket.write(bytes);
  const text = () => Buffer.concat(chunks).toString('latin1');
  const complete = () => {
    const [head, body] = split(text());
    const length = !bytes.startsWith('HEAD') && /content-length: *(\d+)/i.exec(head ?? '');
    return body !== undefined && (!length || body.length >= Number(length[1]));
  };
  for (const limit = performance.now() + 10_000; !ended && !complete() && performance.now() < limit;) await delay(5);
  socket.destroy();
  if (!text()) return 'closed';
  const [head, body] = split(text());
  const [line, ...lines] = head.split('\r\n');
  const headers = lines.map((each) => each.replace(/^([^:]*): */, (_, name) => `${name.toLowerCase()}: `));
  return { status: Number(line.split(' ')[1]), headers: headers.sort(), body };
}

function split(text) {
  const at = text.indexOf('\r\n\r\n');
  return at < 0 ? [undefined, undefined] : [text.slice(0, at), text.slice(at + 4)];
}

/** A WebSocket that takes text as it is and hands out what comes, message by message. */
export class Dialogue {
  static async open(url) {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    const dialogue = new Dialogue(socket);
    await soon(new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`${url} was refused`)));
    }), 'the WebSocket');
    return dialogue;
  }

  #came = [];
  #wanted = [];

  constructor(socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
    });
    socket.addEventListener('message', ({ data }) => {
      const wanted = this.#wanted.shift();
      if (wanted) wanted(data);
      else this.#came.push(data);
    });
  }

  /** The next message, as text. */
  next(within = 15_000) {
    const come = this.#came.shift();
    if (come !== undefined) return Promise.resolve(come);
    return soon(new Promise((resolve) => this.#wanted.push(resolve)), 'the next message', within);
  }

  /** The answer to `text`: the next message that is no event. */
  async ask(text) {
    this.socket.send(text);
    for (;;) {
      const message = await this.next();
      if (!message.startsWith('{"method":')) return message;
    }
  }

  async close() {
    this.socket.close();
    return soon(this.closed, 'the close');
  }
}
