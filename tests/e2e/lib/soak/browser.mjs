import { WebSocketServer } from 'ws';
import { padding } from './random.mjs';

const VERSION = { protocolVersion: '1.3', product: 'Fake/1', revision: '@0', userAgent: 'Fake', jsVersion: '1' };
const PAGE = { targetId: 'T', type: 'page', title: '', url: 'about:blank', attached: false, canAccessOpener: false, browserContextId: 'C' };
const TURN = 64; // commands answered before others get their turn

/**
 * The upstream of a soak: sessions and nothing in them. What it sends on a session is numbered there without a gap and
 * says for which client it is, so that the client can tell what is lost, doubled, out of order or not for him.
 * `sabotage` is something it does wrong once in a while, to prove that this is noticed.
 */
export class FakeBrowser {
  #server;
  #socket;
  #random;
  #sabotage;
  #lastSession = 0;
  #work = []; // sessions with commands to answer
  #running = false;
  #held; // by a sabotage: what is to be sent behind the next one

  static async start(t, random, sabotage) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 2 ** 28 });
    await new Promise((resolve) => server.once('listening', resolve));
    const browser = new FakeBrowser(server, random, sabotage);
    t.after(() => browser.stop());
    return browser;
  }

  constructor(server, random, sabotage) {
    this.#server = server;
    this.#random = random;
    this.#sabotage = sabotage;
    this.connections = 0;
    this.sessions = new Map();
    this.late = 0;
    /** Rejects when a command comes twice, out of order, or on a session of another client. */
    this.wrong = new Promise((_, reject) => (this.reject = reject));
    this.wrong.catch(() => {});
    this.sabotaged = 0;
    server.on('connection', (socket) => {
      ++this.connections;
      this.#socket = socket;
      socket.on('message', (bytes) => this.#take(JSON.parse(bytes)));
      socket.on('close', () => this.sessions.clear());
    });
  }

  get ws() {
    return `ws://127.0.0.1:${this.#server.address().port}/devtools/browser/soak`;
  }

  stop() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #take(command) {
    const { id, method, sessionId, params } = command;
    if (sessionId === undefined) return this.#control(id, method, params);
    const session = this.sessions.get(sessionId);
    if (!session) return this.#send({ id, error: { code: -32001, message: 'Session with given id not found.' } });
    session.life ??= params.life;
    if (session.life !== params.life) this.reject(new Error(`${params.life} has sent ${method} on a session of ${session.life}`));
    if (session.received >= params.number) this.reject(new Error(`command ${params.number} after ${session.received} of ${session.life}`));
    session.received = params.number;
    session.commands.push(command);
    if (session.commands.length === 1) this.#work.push(session);
    this.#run();
    return undefined;
  }

  /** On the session of the bridge itself. */
  #control(id, method, params) {
    if (method === 'Target.setDiscoverTargets') this.#send({ method: 'Target.targetCreated', params: { targetInfo: PAGE } });
    if (method === 'Target.attachToBrowserTarget' || method === 'Target.attachToTarget') return this.#send({ id, result: { sessionId: this.#open(null).id } });
    if (method === 'Target.detachFromTarget') {
      this.#close(this.sessions.get(params.sessionId));
      return this.#send({ id, result: {} });
    }
    return this.#send({ id, result: method === 'Browser.getVersion' ? VERSION : {} });
  }

  #open(parent) {
    const id = (++this.#lastSession).toString(16).toUpperCase().padStart(32, '0');
    const session = { id, parent, life: parent?.life, sent: 0, received: 0, commands: [], children: new Set() };
    parent?.children.add(session);
    this.sessions.set(id, session);
    return session;
  }

  #close(session) {
    if (!session || !this.sessions.has(session.id)) return;
    for (const child of session.children) this.#close(child);
    session.parent?.children.delete(session);
    if (this.#sabotages('leak')) return;
    this.sessions.delete(session.id);
    // What was on its way when the session went, as Chrome may do it: for nobody any more.
    if (!this.#random.chance(20)) return;
    setImmediate(() => {
      ++this.late;
      const late = { stamp: { ...this.#stamp(session), late: true } };
      this.#send({ method: 'Test.event', params: late, sessionId: session.id });
      if (session.commands.length > 0) this.#send({ id: session.commands[0].id, result: late, sessionId: session.id });
    });
  }

  #sabotages(kind) {
    if (this.#sabotage !== kind || !this.#random.chance(kind === 'leak' ? 20 : 1)) return false;
    ++this.sabotaged;
    return true;
  }

  #stamp(session) {
    return { life: session.life, session: session.parent ? session.id : 'root', sent: ++session.sent };
  }

  #run() {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => {
      this.#running = false;
      for (let i = 0; i < TURN && this.#work.length > 0; ++i) this.#turn(this.#random.upTo(this.#work.length - 1));
      if (this.#work.length > 0) this.#run();
    });
  }

  /** One session, whichever, answers its oldest command. */
  #turn(which) {
    const session = this.#work[which];
    const command = this.sessions.has(session.id) && session.commands.shift();
    if (command) this.#answer(session, command);
    if (command && session.commands.length > 0) return;
    this.#work[which] = this.#work.at(-1);
    this.#work.pop();
  }

  #answer(session, { id, method, params }) {
    const reply = (result) => {
      let message = { id, result: { ...result, stamp: this.#stamp(session) }, sessionId: session.id };
      if (this.#sabotages('reorder')) [this.#held, message] = [message, null];
      else if (this.#sabotages('drop')) message = null;
      else if (this.#sabotages('swap')) message.sessionId = this.#random.of([...this.sessions.keys()].filter((other) => other !== session.id));
      if (message) this.#send(message);
      if (message && this.#held?.sessionId === session.id) {
        this.#send(this.#held);
        this.#held = undefined;
      }
    };
    switch (method) {
      case 'Target.attachToTarget':
      case 'Target.attachToBrowserTarget': {
        const child = this.#open(session);
        const targetInfo = { targetId: 'T', type: method === 'Target.attachToTarget' ? params.type : 'browser', browserContextId: 'C' };
        this.#event(session, 'Target.attachedToTarget', { sessionId: child.id, targetInfo, waitingForDebugger: false });
        return reply({ sessionId: child.id });
      }
      case 'Target.detachFromTarget':
        this.#close(this.sessions.get(params.sessionId));
        reply({});
        return this.#event(session, 'Target.detachedFromTarget', { sessionId: params.sessionId, targetId: 'T' });
      case 'Test.refuse':
        return this.#send({ id, error: { code: -32000, message: 'no', data: { stamp: this.#stamp(session) } }, sessionId: session.id });
      default:
    }
    for (let events = params.events; events > 0; --events) this.#event(session, 'Test.event', {});
    let data = padding(params.life, params.number, params.size);
    if (data && this.#sabotages('corrupt')) data = `${data.slice(0, -1)}!`;
    return reply({ number: params.number, data });
  }

  #event(session, method, params) {
    const message = { method, params: { ...params, stamp: this.#stamp(session) }, sessionId: session.id };
    if (this.#sabotages('misroute')) message.sessionId = this.#random.of([...this.sessions.keys()].filter((other) => other !== session.id));
    this.#send(message);
    if (this.#sabotages('double')) this.#send(message);
  }
}
