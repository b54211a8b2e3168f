import assert from 'node:assert/strict';
import { LOCAL_KEY } from './daemon.mjs';
import { eventually, soon } from './eventually.mjs';

/**
 * Frames {event, id, data} of a text/event-stream, as BCTRL's SDKs read it: CR LF or LF, several data lines, comments,
 * pieces that end anywhere, a last frame without an empty line. A bare CR is not among what they accept.
 */
export class SseParser {
  #rest = '';
  #frame = {};
  #decoder = new TextDecoder();

  /** The frames that `bytes` complete. */
  push(bytes) {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop();
    return this.#read(lines);
  }

  /** The frame that the end of the stream completes, in an array. */
  end() {
    const lines = this.#rest === '' ? [''] : [this.#rest, ''];
    this.#rest = '';
    return this.#read(lines);
  }

  #read(lines) {
    const frames = [];
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (this.#frame.data !== undefined) frames.push({ event: 'message', ...this.#frame });
        this.#frame = {};
        continue;
      }
      if (line.startsWith(':')) continue;
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') this.#frame.data = this.#frame.data === undefined ? value : `${this.#frame.data}\n${value}`;
      else if (name === 'event' || name === 'id') this.#frame[name] = value;
    }
    return frames;
  }
}

/** Frames of a fetch response's body, as they come. */
export async function* framesOf(body) {
  const parser = new SseParser();
  for await (const bytes of body) yield* parser.push(bytes);
  yield* parser.end();
}

/** A reader of server-sent events of the local backend. */
export class EventStream {
  #body;
  #abort;
  #left = false;

  /** `path` may have a query; `lastEventId` resumes behind that event. */
  static async open(daemon, path, { lastEventId } = {}) {
    const headers = { authorization: `Bearer ${LOCAL_KEY}` };
    if (lastEventId) headers['last-event-id'] = lastEventId;
    const abort = new AbortController();
    const reply = await fetch(new URL(path, daemon.backend), { headers, signal: abort.signal });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-type'), 'text/event-stream');
    return new EventStream(reply.body, abort);
  }

  constructor(body, abort) {
    this.#body = body;
    this.#abort = abort;
    /** Everything but heartbeats, in order, with the time at which it came. */
    this.frames = [];
    /** Resolves when the server has ended the stream, or we have. */
    this.ended = this.#read();
  }

  async #read() {
    try {
      for await (const frame of framesOf(this.#body)) {
        if (frame.event === 'heartbeat') continue;
        this.frames.push({ ...frame, data: JSON.parse(frame.data), came: Date.now() });
      }
    } catch (error) {
      if (!this.#left) throw error;
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

  async close() {
    this.#left = true;
    this.#abort.abort();
    await this.ended;
  }
}
