import assert from 'node:assert/strict';
import { LOCAL_KEY } from './daemon.mjs';
import { eventually, soon } from './eventually.mjs';

/** The events of one `text/event-stream` in full: {id?, event, data}. */
function parse(block) {
  const frame = { data: '' };
  for (const line of block.split('\n')) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? assert.fail(`no line of a stream: ${line}`);
    if (name === 'data') frame.data += value;
    else frame[name] = value;
  }
  return { ...frame, data: JSON.parse(frame.data) };
}

/** A reader of server-sent events of the local backend. */
export class EventStream {
  #reader;
  #left = false;

  /** `path` may have a query; `lastEventId` resumes behind that event. */
  static async open(daemon, path, { lastEventId } = {}) {
    const headers = { authorization: `Bearer ${LOCAL_KEY}` };
    if (lastEventId) headers['last-event-id'] = lastEventId;
    const reply = await fetch(new URL(path, daemon.backend), { headers });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-type'), 'text/event-stream');
    return new EventStream(reply.body.getReader());
  }

  constructor(reader) {
    this.#reader = reader;
    /** Everything but heartbeats, in order, with the time at which it came. */
    this.frames = [];
    /** Resolves when the server has ended the stream, or we have. */
    this.ended = this.#read();
  }

  async #read() {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#left || assert.equal(text, '', 'a stream ends behind a whole event');
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop();
      const came = Date.now();
      const frames = blocks.map((block) => ({ ...parse(block), came }));
      this.frames.push(...frames.filter(({ event }) => event !== 'heartbeat'));
    }
  }

  /** The data of all events so far. */
  get events() {
    return this.frames.filter(({ id }) => id).map(({ data }) => data);
  }

  /** The first event that `wanted` likes, whether it has come or is to come. */
  seen(wanted, what) {
    return eventually(() => this.events.find(wanted) ?? assert.fail(`${what} is not on the stream`));
  }

  /** What came last of `run.ended`, once the stream is over. */
  async end() {
    await soon(this.ended, 'the end of the stream');
    return this.frames.at(-1);
  }

  close() {
    this.#left = true;
    return this.#reader.cancel();
  }
}
