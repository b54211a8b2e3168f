import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';

function serve(t, server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  return once(server, 'listening').then(() => server.address().port);
}

function join(a, b) {
  a.on('error', () => b.destroy());
  b.on('error', () => a.destroy());
  a.pipe(b).pipe(a);
}

/** An HTTP proxy that lets in who knows `user:password`. Yields {port, served, refused}: what it was asked for. */
export async function serveHttpProxy(t, login) {
  const served = [];
  const refused = [];
  const expected = `Basic ${Buffer.from(login).toString('base64')}`;
  const letsIn = ({ url, headers }) => {
    const right = headers['proxy-authorization'] === expected;
    (right ? served : refused).push(url);
    return right;
  };
  const challenge = { 'proxy-authenticate': 'Basic realm="test"', 'content-length': 0 };
  const server = http.createServer((asked, reply) => {
    if (!letsIn(asked)) return reply.writeHead(407, challenge).end();
    const { 'proxy-authorization': _, ...headers } = asked.headers;
    const onward = http.request(asked.url, { method: asked.method, headers }, (answer) => {
      reply.writeHead(answer.statusCode, answer.headers);
      answer.pipe(reply);
    });
    onward.on('error', () => reply.destroy());
    return asked.pipe(onward);
  });
  server.on('connect', (asked, socket) => {
    if (!letsIn(asked)) return socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="test"\r\n\r\n');
    const { hostname, port } = new URL(`http://${asked.url}`);
    const onward = net.connect(port || 80, hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      join(socket, onward);
    });
    return onward.on('error', () => socket.destroy());
  });
  return { port: await serve(t, server), served, refused };
}

async function takeBytes(socket, count) {
  if (count === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes = socket.read(count);
    if (bytes) return bytes;
    await once(socket, 'readable');
  }
}

/** The same that speaks SOCKS 5 (RFC 1928, 1929); `served` has "host:port". */
export async function serveSocksProxy(t, login) {
  const served = [];
  const refused = [];
  const talk = async (socket) => {
    const take = (count) => takeBytes(socket, count);
    const [, methods] = await take(2);
    if (!(await take(methods)).includes(2)) return socket.end(Buffer.from([5, 0xff]));
    socket.write(Buffer.from([5, 2]));
    const user = await take((await take(2))[1]);
    const password = await take((await take(1))[0]);
    const right = `${user}:${password}` === login;
    socket.write(Buffer.from([1, right ? 0 : 1]));
    if (!right) {
      refused.push(String(user));
      return socket.end();
    }
    const [, , , kind] = await take(4);
    const host = kind === 3 ? String(await take((await take(1))[0])) : (await take(4)).join('.');
    const port = (await take(2)).readUInt16BE();
    served.push(`${host}:${port}`);
    const onward = net.connect(port, host, () => {
      socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      join(socket, onward);
    });
    return onward.on('error', () => socket.destroy());
  };
  const server = net.createServer((socket) => talk(socket).catch(() => socket.destroy()));
  return { port: await serve(t, server), served, refused };
}
