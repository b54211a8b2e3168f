import net from 'node:net';

/** A wire to a port of this machine that a test can cut. Its address is `http`. */
export class Wire {
  #sockets = new Set();

  static async start(t, port) {
    const wire = new Wire();
    const server = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1');
      for (const [from, to] of [[near, far], [far, near]]) {
        wire.#sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => {
          wire.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
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
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}
