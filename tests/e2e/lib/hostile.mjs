import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { Cdp } from './cdp.mjs';

const SCRIPT = readFileSync(new URL('hostile/page.js', import.meta.url), 'utf8');
const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPEN = {
  image: ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'],
  script: ['text/javascript', 'var told = true'],
  style: ['text/css', 'body { --told: true }'],
};

/** A site that anybody may read in any way. Yields its address, with a slash at the end. */
export async function serveFriend(t) {
  const server = http.createServer(({ url, headers, method }, reply) => {
    const { pathname, search } = new URL(url, 'http://friend');
    if (pathname === '/redirect') return reply.writeHead(302, { location: decodeURIComponent(search.slice(1)) }).end();
    const events = headers.accept === 'text/event-stream' && ['text/event-stream', ':\n\n'];
    const [type, body] = events || OPEN[headers['sec-fetch-dest']] || ['text/plain', 'open'];
    const cors = { 'access-control-allow-origin': '*', 'access-control-allow-methods': '*' };
    return reply.writeHead(200, { 'content-type': type, ...cors }).end(method === 'HEAD' ? '' : body);
  });
  server.on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1').update(headers['sec-websocket-key'] + WEBSOCKET).digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.on('error', () => {});
    socket.end([...lines, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

/** A page that is up to no good, open in a browser. */
export class HostilePage {
  #cdp;
  #sessionId;

  /** At any address, whoever serves that: a name that leads to us may have led elsewhere before. */
  static async open(chromium, address, friend) {
    const page = new HostilePage();
    page.#cdp = await Cdp.connect(chromium.ws);
    const { targetId } = await page.#cdp.send('Target.createTarget', { url: 'about:blank' });
    page.#sessionId = (await page.#cdp.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    await page.#send('Page.enable');
    await page.#send('Fetch.enable', { patterns: [{ urlPattern: address }] });
    const navigated = page.#send('Page.navigate', { url: address });
    const { params } = await page.#cdp.event('Fetch.requestPaused');
    const script = `const FRIEND = '${friend}';\n${SCRIPT}`;
    const text = `<!doctype html><meta charset="utf-8"><title>Free kittens</title><body><script>${script}</script>`;
    const body = Buffer.from(text).toString('base64');
    const responseHeaders = [{ name: 'content-type', value: 'text/html' }];
    await page.#send('Fetch.fulfillRequest', { requestId: params.requestId, responseCode: 200, responseHeaders, body });
    await navigated;
    await page.#cdp.event('Page.loadEventFired');
    await page.#send('Fetch.disable');
    return page;
  }

  #send(method, params) {
    return this.#cdp.send(method, params, this.#sessionId);
  }

  async #evaluate(expression) {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', params);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** The names of all ways to send a request. */
  ways() {
    return this.#evaluate('ways');
  }

  /** [{way, addresses}] -> [{way, address, text}] of what the page could read. */
  async attack(plan) {
    const read = [];
    for (const step of plan) read.push(...(await this.#evaluate(`attack(${JSON.stringify(step)})`)));
    return read;
  }

  close() {
    return this.#cdp.close();
  }
}
