import http from 'node:http';
import net from 'node:net';
import { packExtension } from './crx.mjs';

// What the operations reach for outside the backend, on loopback: a webhook, a proxy, a model, a package.

function answer(asked, reply) {
  const url = new URL(asked.url, 'http://outside');
  let body = '';
  asked.setEncoding('utf8').on('data', (text) => (body += text));
  asked.on('end', () => {
    const json = (status, value) =>
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/webhook') return json(200, { echoed: body === '' ? null : JSON.parse(body) });
    if (url.pathname.endsWith('/models')) return json(200, { object: 'list', data: [{ id: 'tiny', object: 'model' }] });
    if (url.pathname.endsWith('/chat/completions')) {
      const message = { role: 'assistant', content: 'pong' };
      return json(200, {
        id: 'c1',
        object: 'chat.completion',
        model: 'tiny',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
      });
    }
    if (url.pathname === '/extension.crx')
      return packExtension({ name: 'Fetched' }).then((bytes) =>
        reply.writeHead(200, { 'content-type': 'application/x-chrome-extension' }).end(bytes),
      );
    // A proxy is asked for whole addresses.
    return reply.writeHead(204).end();
  });
}

/** {origin, host, port} of one server that is all of these; ends with the test. */
export async function serveOutside(t) {
  const server = http.createServer(answer);
  server.on('connect', (asked, socket) => {
    const [host, port] = asked.url.split(':');
    if (host !== '127.0.0.1') return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'); // nobody leaves this machine
    const far = net.connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      far.pipe(socket).pipe(far);
    });
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address();
  return { origin: `http://127.0.0.1:${port}`, host: '127.0.0.1', port };
}
