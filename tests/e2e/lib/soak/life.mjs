import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { soon } from '../eventually.mjs';
import { padding } from './random.mjs';

const TYPES = ['page', 'iframe', 'worker', 'service_worker'];
const SESSIONS_MAX = 8;

/** How a client may go. The first two wait for their answers before. */
export const ENDS = {
  polite: (socket) => socket.close(1000),
  leave: (socket) => socket.send('{"id":1,"method":"Browser.close"}'),
  hasty: (socket) => socket.close(1000),
  finish: (socket) => socket._socket.end(),
  abort,
};

function abort(socket) {
  // Node.js never closes a socket that is reset while it is being shut down, and the test would never end.
  if (socket.readyState === WebSocket.OPEN) socket._socket.resetAndDestroy();
  else socket.terminate();
}

function sizeOf(random) {
  if (random.chance(0.1)) return 50_000 + random.upTo(250_000);
  if (random.chance(5)) return random.upTo(20_000);
  return random.upTo(300);
}

/**
 * One client from its join to its end. Checks all it hears: each message is for him and for a session that he has, in
 * its order and without a gap; each reply is the one to his oldest command of that session.
 */
export class Life {
  #socket;
  #random;
  #name;
  #lastCommand = 0;
  #answered; // for whoever waits for room
  #inFlight = 0;
  #leaving = false;
  #refused = new Map(); // id -> how often Chrome's "no such session" is due

  /** `others` are sessions that somebody has or had; the lives put theirs in. */
  constructor(name, random, others) {
    this.#name = name;
    this.others = others;
    this.#random = random;
    this.sent = 0;
    this.received = 0;
    /** Of what this client has: {heard, waiting}, by the id he knows; 'root' has none. */
    this.sessions = new Map([['root', { parent: null, heard: 0, waiting: [] }]]);
    /** Rejects with the first thing that is wrong. */
    this.wrong = new Promise((_, reject) => (this.reject = reject));
    this.wrong.catch(() => {});
  }

  /** `commands` of them, at most `depth` in flight; then the end, one of ENDS. */
  async run(address, { commands, depth, slow, end, over }) {
    this.#socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 2 ** 28 });
    const opened = once(this.#socket, 'open');
    const closed = once(this.#socket, 'close');
    closed.catch(() => {}); // told by the handshake
    this.#socket.on('message', (bytes) => this.#take(bytes));
    await soon(opened, `${this.#name}: the handshake`, 60_000);
    this.#socket.once('close', (code) => this.#leaving || this.reject(new Error(`${this.#name}: closed with ${code}`)));
    for (let i = 0; i < commands && !over(); ++i) {
      while (this.#inFlight >= depth) await this.#room();
      this.#act();
      if (slow && this.#random.chance(2)) await this.#nap();
    }
    if (end === 'polite' || end === 'leave') while (this.#inFlight > 0) await this.#room();
    this.#leaving = true;
    ENDS[end](this.#socket);
    await soon(Promise.race([closed, this.wrong]), `${this.#name}: the close`, 60_000);
  }

  async #room() {
    const answered = new Promise((resolve) => (this.#answered = resolve));
    await soon(Promise.race([answered, this.wrong]), `${this.#name}: an answer to ${JSON.stringify(this.#oldest())}`, 60_000);
  }

  #oldest() {
    return [...this.sessions.values()].find(({ waiting }) => waiting.length > 0)?.waiting[0];
  }

  async #nap() {
    this.#socket.pause();
    await delay(this.#random.upTo(20));
    this.#socket.resume();
  }

  #act() {
    const random = this.#random;
    const ids = [...this.sessions.keys()].filter((id) => !this.sessions.get(id).leaving);
    const id = random.of(ids);
    if (random.chance(4) && ids.length < SESSIONS_MAX) {
      if (random.chance(30)) return this.#send(id, 'Target.attachToBrowserTarget', {});
      return this.#send(id, 'Target.attachToTarget', { targetId: 'T', flatten: true, type: random.of(TYPES) });
    }
    if (random.chance(3) && id !== 'root') {
      const { parent } = this.sessions.get(id);
      for (const below of this.#tree(id)) this.sessions.get(below).leaving = true;
      return this.#send(parent, 'Target.detachFromTarget', { sessionId: id });
    }
    if (random.chance(3)) return this.#send(id, 'Test.refuse', {});
    if (random.chance(3)) return this.#trespass();
    return this.#send(id, 'Test.echo', { size: sizeOf(random), events: random.chance(20) ? random.upTo(4) : 0 });
  }

  /** A command on a session of somebody else, who must not notice. */
  #trespass() {
    const sessionId = this.#random.of(this.others);
    if (!sessionId || this.sessions.has(sessionId)) return;
    const id = 100 + this.#random.upTo(7);
    this.#refused.set(id, (this.#refused.get(id) ?? 0) + 1);
    ++this.sent;
    this.#socket.send(JSON.stringify({ id, sessionId, method: 'Test.echo', params: { life: this.#name, number: 0, size: 0 } }));
  }

  #send(sessionId, method, params) {
    const number = ++this.#lastCommand;
    // The same few ids over and over, on all sessions, by all clients.
    const message = { id: 1 + (number % 8), method, params: { ...params, life: this.#name, number } };
    if (sessionId !== 'root') message.sessionId = sessionId;
    this.sessions.get(sessionId).waiting.push({ id: message.id, method, number, size: params.size ?? 0 });
    ++this.#inFlight;
    ++this.sent;
    this.#socket.send(JSON.stringify(message));
  }

  #take(bytes) {
    ++this.received;
    try {
      this.#check(JSON.parse(bytes));
    } catch (error) {
      this.reject(new Error(`${this.#name}: ${error.message} in ${String(bytes).slice(0, 300)}`));
    }
    this.#answered?.();
  }

  #check(message) {
    if (message.error?.code === -32001) {
      const due = this.#refused.get(message.id) ?? 0;
      assert.ok(due > 0 && message.sessionId === undefined, 'a refusal that is not due');
      return this.#refused.set(message.id, due - 1);
    }
    const { stamp } = message.result ?? message.params ?? message.error?.data ?? assert.fail('a message without data');
    if (this.#leaving && message.id === 1 && !stamp) return assert.deepEqual(message, { id: 1, result: {} });
    assert.ok(stamp, 'a message without a stamp');
    const { sessionId = 'root' } = message;
    const session = this.sessions.get(sessionId);
    assert.ok(session, 'a message of a session that is not his');
    assert.equal(stamp.life, this.#name, 'a message for another client');
    assert.equal(stamp.session, sessionId, 'a message of another session');
    assert.equal(stamp.sent, ++session.heard, 'a message lost, doubled or out of order');
    if (message.id === undefined) return this.#event(sessionId, message);
    const asked = session.waiting.shift() ?? assert.fail('an answer that nobody waits for');
    --this.#inFlight;
    assert.equal(message.id, asked.id, 'the id of the command');
    assert.equal(message.error !== undefined, asked.method === 'Test.refuse', 'an error where there should be one');
    if (asked.method !== 'Test.echo') return undefined;
    assert.equal(message.result.number, asked.number, 'the number of the command');
    assert.ok(message.result.data === padding(this.#name, asked.number, asked.size), 'the data of the command');
    return undefined;
  }

  #event(parent, { method, params }) {
    if (method === 'Target.attachedToTarget') {
      if (this.others.length < 1000) this.others.push(params.sessionId);
      else this.others[this.#random.upTo(999)] = params.sessionId;
      this.sessions.set(params.sessionId, { parent, heard: 0, waiting: [], leaving: this.sessions.get(parent).leaving });
    } else if (method === 'Target.detachedFromTarget') {
      for (const id of this.#tree(params.sessionId)) {
        this.#inFlight -= this.sessions.get(id).waiting.length; // nobody answers these
        this.sessions.delete(id);
      }
    }
  }

  #tree(top) {
    const tree = [top];
    for (const id of tree) for (const [child, { parent }] of this.sessions) if (parent === id) tree.push(child);
    return tree;
  }
}
