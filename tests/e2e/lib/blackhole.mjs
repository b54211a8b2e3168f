import http from 'node:http';
import net from 'node:net';

/**
 * A way to a local backend (its origin, http://127.0.0.1:PORT) on which everything passes, CDP too: addresses in
 * answers lead back to it. {origin, cut(), mend()}: once cut, nothing passes any more and nobody is told, as when a
 * cable is pulled.
 */
export async function blackhole(t, backend) {
  const { hostname, port } = new URL(backend);
  const sockets = new Set();
  let open = true;
  const server = http.createServer((request, reply) => {
    if (!open) return;
    const far = http.request({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    far.on('error', () => reply.destroy());
    far.on('response', (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => {
        if (!open) return;
        const body = Buffer.concat(pieces).toString().replaceAll(`127.0.0.1:${port}/v1/cdp`, `${authority}/v1/cdp`);
        const headers = { ...answer.headers, 'content-length': Buffer.byteLength(body) };
        delete headers['transfer-encoding'];
        reply.writeHead(answer.statusCode, headers).end(body);
      });
    });
    request.pipe(far);
  });
  server.on('upgrade', (request, near, head) => {
    if (!open) return;
    const far = net.connect({ host: hostname, port: Number(port) });
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    far.write(`${lines.join('\r\n')}\r\n\r\n`);
    far.write(head);
    sockets.add(far);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('data', (bytes) => open && other.write(bytes));
      one.on('error', () => {});
      one.on('close', () => open && other.destroy());
    }
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const authority = `127.0.0.1:${server.address().port}`;
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    end();
    server.close();
  });
  return {
    origin: `http://${authority}`,
    cut() {
      open = false;
    },
    mend() {
      end();
      open = true;
    },
  };
}
