import { randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';
import { soon } from './eventually.mjs';
import { upgrade } from './http.mjs';

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUED = 0;

/** A frame as a client sends it (RFC 6455, section 5.2). */
export function frame(opcode, payload, { fin = true, masked = true, bits = 0 } = {}) {
  const bytes = Buffer.from(payload);
  assert.ok(bytes.length < 126);
  const head = [(fin ? 0x80 : 0) | (bits << 4) | opcode, (masked ? 0x80 : 0) | bytes.length];
  if (!masked) return Buffer.from([...head, ...bytes]);
  const mask = randomBytes(4);
  return Buffer.from([...head, ...mask, ...bytes.map((byte, i) => byte ^ mask[i % 4])]);
}

/** A WebSocket whose frames the test makes itself. */
export class RawSocket {
  static async open(url) {
    const { status, socket } = await upgrade(url);
    assert.equal(status, 101);
    return new RawSocket(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    socket.on('data', (chunk) => { this.bytes = Buffer.concat([this.bytes, chunk]); });
    const ended = new Promise((resolve) => socket.once('close', resolve));
    /** What the peer said last: the code of its close frame; 0 if it sent none. */
    this.closed = ended.then(() => {
      // Nothing comes behind it, so its length leads to the end.
      const at = this.bytes.findIndex((byte, i) => byte === 0x88 && i + 2 + this.bytes[i + 1] === this.bytes.length);
      return at < 0 ? 0 : this.bytes.readUInt16BE(at + 2);
    });
  }

  send(...frames) {
    this.socket.write(Buffer.concat(frames));
  }

  end(what) {
    return soon(this.closed, what);
  }

  /** The text of the one unfragmented message that comes. */
  async message() {
    for (;;) {
      if (this.bytes.length > 2) {
        assert.equal(this.bytes[0], 0x81);
        const length = this.bytes[1] < 126 ? this.bytes[1] : this.bytes.readUInt16BE(2);
        const begin = this.bytes[1] < 126 ? 2 : 4;
        if (this.bytes.length >= begin + length) return this.bytes.subarray(begin, begin + length).toString();
      }
      await soon(new Promise((resolve) => this.socket.once('data', resolve)), 'a message');
    }
  }
}
