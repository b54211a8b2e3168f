import http from 'node:http';

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Bridge test page</title>
<style>body { margin: 0; background: #1d4ed8; color: white; font: 20px sans-serif }</style>
<button id="more" onclick="count.textContent = Number(count.textContent) + 1">more</button>
<output id="count">0</output>
<form action="/echo"><input id="word" name="word"><button id="send">send</button></form>
<a id="download" href="/file.txt" download>download</a>
<a id="popup" href="/popup" target="_blank">popup</a>
`;

const ROUTES = {
  '/': () => ['text/html', PAGE],
  '/echo': (query) => ['text/html', `<title>Echo</title><p id="said">${Number(query.get('word'))}</p>`],
  '/popup': () => ['text/html', '<title>Popup</title>'],
  '/file.txt': () => ['application/octet-stream', 'a downloaded file\n'],
};

/** A small site on loopback; ends with the test. Yields its address, with a slash at the end. */
export async function servePages(t) {
  const server = http.createServer((asked, reply) => {
    const { pathname, searchParams } = new URL(asked.url, 'http://pages');
    const route = ROUTES[pathname];
    if (!route) return reply.writeHead(404).end();
    const [type, body] = route(searchParams);
    return reply.writeHead(200, { 'content-type': type }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Width and height of a PNG. Throws when it is none. */
export function pngSize(bytes) {
  const view = Buffer.from(bytes);
  if (view.subarray(0, 8).toString('latin1') !== '\x89PNG\r\n\x1a\n') throw new Error('not a PNG');
  return { width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
}
