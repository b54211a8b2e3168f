import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONFIG, Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';

const WATCHED_MS = Number(process.env.QUIET_SECONDS ?? 15) * 1000;

test('a browser that nobody sends anywhere asks nobody for anything', async (t) => {
  const asked = [];
  const proxy = http.createServer((request, reply) => {
    asked.push(request.url.slice(0, 80));
    reply.writeHead(502).end();
  });
  proxy.on('connect', (request, socket) => {
    asked.push(request.url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const daemon = await Daemon.start(t, { config: CONFIG });
  const body = { config: { proxy: { protocol: 'http', host: '127.0.0.1', port: proxy.address().port } } };
  const runtime = (await daemon.rest('POST', '/v1/runtimes', body)).body;
  const started = await daemon.rest('POST', `/v1/runtimes/${runtime.id}/start`);
  assert.equal(started.status, 200, JSON.stringify(started.body));
  await sleep(WATCHED_MS);
  // What it asks of a port that discards stays on this machine, and comes here only because a proxy is for everything.
  assert.deepEqual(asked.filter((url) => !/^(http:\/\/)?127\.0\.0\.1:9(\/|$)/.test(url)), []);
  // A page's own wishes do come here: the proxy is in use.
  await daemon.rest('POST', `/v1/runtimes/${runtime.id}/targets`, { uri: 'http://wished.example/' });
  await eventually(() => assert.ok(asked.some((url) => url.startsWith('http://wished.example/'))));
  await daemon.stop();
});
