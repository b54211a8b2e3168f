import { eventually, soon } from './eventually.mjs';

/** The plainest client there is: CDP over a WebSocket, nothing else. */
export class Cdp {
  #socket;
  #lastId = 0;
  #waiting = new Map();

  static async connect(url) {
    const socket = new WebSocket(url);
    const cdp = new Cdp(socket);
    const opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('the WebSocket was refused')));
    });
    await soon(opened, 'the WebSocket', 60_000);
    return cdp;
  }

  constructor(socket) {
    this.#socket = socket;
    /** Everything that came without an id, in order. */
    this.events = [];
    /** {code, reason} */
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`closed ${code} ${reason}`));
        this.#waiting.clear();
        resolve({ code, reason });
      });
    });
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(data)));
  }

  #take(message) {
    const asked = this.#waiting.get(message.id);
    if (!asked) return this.events.push(message);
    this.#waiting.delete(message.id);
    if (message.error) return asked.reject(new Error(`${message.error.code} ${message.error.message}`));
    return asked.resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    const timely = soon(answer, method, 30_000);
    timely.catch(() => {}); // a test may look at it later, or never
    return timely;
  }

  /** The first event of this name, whether it has come or is to come. */
  event(method) {
    return eventually(() => {
      const found = this.events.find((message) => message.method === method);
      if (!found) throw new Error(`no ${method} among ${this.events.map((each) => each.method)}`);
      return found;
    });
  }

  async close() {
    this.#socket.close();
    return soon(this.closed, 'the close of the WebSocket');
  }
}
