import http from 'node:http';

const PAGES = {
  '/': `<!doctype html><title>Busy</title><link rel="icon" href="data:,">
    <a id="get" href="/report.bin" download>get</a>
    <script>
      console.log('page begins', 1);
      async function work(round) {
        for (let i = 0; i < 5; ++i) {
          console.log('round', round, 'line', i);
          const reply = await fetch('/data?round=' + round + '&i=' + i);
          console.info(await reply.text());
        }
        history.pushState(null, '', '#round' + round);
        console.warn('round', round, 'done');
      }
    </script>`,
  '/nested': '<!doctype html><title>Nested</title><link rel="icon" href="data:,"><iframe src="OTHER/inner"></iframe>',
  '/inner': '<!doctype html><script>console.log("inner frame"); fetch("/data?from=inner")</script>',
  '/worker': `<!doctype html><title>Worker</title><link rel="icon" href="data:,">
    <script>new Worker('/worker.js').onmessage = ({ data }) => console.log('worker said', data)</script>`,
  '/trouble': `<!doctype html><title>Trouble</title><link rel="icon" href="data:,">
    <script>
      fetch('/missing').then((reply) => console.error('status', reply.status));
      fetch('http://127.0.0.1:1/nobody').catch(() => console.error('refused'));
      setTimeout(() => { throw new Error('on purpose') });
    </script>`,
};
const SCRIPTS = { '/worker.js': 'console.log("in the worker"); fetch("/data?from=worker").then(() => postMessage("hello"))' };

/**
 * A site whose pages do much and say so on their console: fetches, a frame of another site, a worker, errors, a
 * download, a redirect. Yields {url, requests}: `requests` are the paths that were asked of it, in order.
 */
export async function serveBusySite(t) {
  const requests = [];
  const server = http.createServer((asked, reply) => {
    const { pathname, search } = new URL(asked.url, 'http://site');
    requests.push(pathname + search);
    const say = (type, body, headers = {}) => reply.writeHead(200, { 'content-type': type, ...headers }).end(body);
    const other = `http://localhost:${server.address().port}`;
    if (PAGES[pathname]) return say('text/html', PAGES[pathname].replace('OTHER', other));
    if (SCRIPTS[pathname]) return say('text/javascript', SCRIPTS[pathname]);
    if (pathname === '/data') return say('text/plain', `answer to ${search}`);
    if (pathname === '/report.bin') return say('application/octet-stream', 'x'.repeat(70_000));
    if (pathname === '/moved') return reply.writeHead(302, { location: '/worker' }).end();
    return reply.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, resolve)); // for both names, 127.0.0.1 and localhost
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, requests };
}
