import http from 'node:http';

const HTML = {
  '/': '<title>Tree</title><iframe src="FRAME"></iframe><script>worker = new Worker("/outer.js", { name: "outer" })</script>',
  '/frame': '<title>Frame</title>',
  '/shared': '<title>Shared</title><script>shared = new SharedWorker("/shared.js", { name: "shared" })</script>',
  '/download': '<title>Download</title><a id="get" href="/file.bin" download="NAME">get</a>',
};
const JS = {
  '/outer.js': 'inner = new Worker("/inner.js", { name: "inner" })',
  '/inner.js': 'onmessage = () => {}',
  '/shared.js': 'onconnect = () => {}',
  '/service.js': 'onfetch = () => {}; onmessage = (event) => event.waitUntil(new Promise(() => {}))', // is not stopped then
};

/**
 * A site with every kind of target there is: a frame of another site (localhost inside 127.0.0.1), workers in workers, a
 * shared and a service worker, a download whose name is in the query.
 */
export async function serveTargets(t) {
  const server = http.createServer((asked, reply) => {
    const { pathname, search } = new URL(asked.url, 'http://site');
    const { port } = server.address();
    if (HTML[pathname]) {
      const body = HTML[pathname].replace('FRAME', `http://localhost:${port}/frame`).replace('NAME', search.slice(1));
      return reply.writeHead(200, { 'content-type': 'text/html' }).end(body);
    }
    if (JS[pathname]) return reply.writeHead(200, { 'content-type': 'text/javascript' }).end(JS[pathname]);
    if (pathname === '/file.bin') return reply.writeHead(200, { 'content-type': 'application/octet-stream' }).end('file');
    return reply.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}
