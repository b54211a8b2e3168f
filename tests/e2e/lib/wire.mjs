import net from 'node:net';

/** A wire to a port of this machine that a test can cut. Its address is `http`. */
export class Wire {
  #sockets = new Set();
  #down = false;
  #frozen = false;
  #left = Infinity; // pieces until the next cut
  #bytesLeft = Infinity; // the same in bytes
  #last; // {text, stayDown}: what is in the last piece before the next cut
  /** How often something was connected when it was cut. */
  cuts = 0;

  static async start(t, port) {
    const wire = new Wire();
    const server = net.createServer((near) => {
      if (wire.#down) return near.resetAndDestroy();
      const far = net.connect(port, '127.0.0.1');
      for (const [from, to] of [[near, far], [far, near]]) {
        wire.#sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => {
          wire.#sockets.delete(from);
          to.destroy();
        });
        from.on('data', (piece) => wire.#carry(from, to, piece));
        from.on('end', () => to.end());
      }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      wire.cut();
      server.close();
    });
    wire.http = `http://127.0.0.1:${server.address().port}`;
    return wire;
  }

  /** What is connected is connected no more; who dials again is. */
  cut() {
    if (this.#sockets.size > 0) ++this.cuts;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Cuts when so many more bytes have passed, in the middle of what comes then. */
  cutAfterBytes(bytes) {
    this.#bytesLeft = bytes;
  }

  #carry(from, to, piece) {
    this.#bytesLeft -= piece.length;
    if (this.#bytesLeft <= 0) {
      to.end(piece.subarray(0, this.#bytesLeft + piece.length)); // a reset would take it along
      this.#bytesLeft = Infinity;
      ++this.cuts;
      from.destroy();
      return;
    }
    if (--this.#left < 0) {
      this.#left = Infinity;
      return this.cut();
    }
    if (this.#last && piece.includes(this.#last.text)) {
      this.#down = this.#last.stayDown;
      this.#last = undefined;
      ++this.cuts;
      to.end(piece); // a reset would take it along
      from.destroy();
      return;
    }
    if (!to.write(piece)) {
      from.pause();
      to.once('drain', () => this.#frozen || from.resume());
    }
  }

  /** Is cut when so many more pieces have come through, in whichever direction. */
  cutAfter(pieces) {
    this.#left = pieces;
  }

  /** Is cut behind the next piece with `text` in it, and is down then until up() if `stayDown`. */
  cutBehind(text, { stayDown = false } = {}) {
    this.#last = { text, stayDown };
  }

  /** Nothing comes through, and nobody is told: a network that is gone. Until thaw(). */
  freeze() {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw() {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Nobody gets through until up(). */
  down() {
    this.#down = true;
    this.cut();
  }

  up() {
    this.#down = false;
  }
}
