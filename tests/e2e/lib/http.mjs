import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { networkInterfaces } from 'node:os';
import { soon } from './eventually.mjs';

async function text(message) {
  let out = '';
  message.setEncoding('utf8');
  for await (const chunk of message) out += chunk;
  return out;
}

/**
 * One request with exactly these headers (fetch would not let us choose Host): {status, headers, body}, and `socket`
 * when it was an upgrade that was granted. `open`: the request is never ended, as by a sender who has
 * declared more than the answer waits for.
 */
export function request(url, { method = 'GET', headers = {}, body, open = false, within = 60_000 } = {}) {
  const { hostname, port } = new URL(url);
  const path = url.slice(new URL(url).origin.length) || '/'; // as written: URL would tidy it up
  const host = hostname.replace(/^\[|\]$/g, '');
  const reply = new Promise((resolve, reject) => {
    const asked = http.request({ host, port, path, method, headers, agent: false });
    let answered = false;
    // One who is refused before all is sent may find the connection reset behind the answer.
    asked.on('error', (error) => answered || reject(error));
    asked.once('response', async (message) => {
      answered = true;
      const answer = await text(message).catch(reject);
      resolve({ status: message.statusCode, headers: message.headers, body: answer });
      if (open) asked.destroy();
    });
    asked.once('upgrade', (message, socket) => {
      socket.on('error', () => {});
      resolve({ status: message.statusCode, headers: message.headers, body: '', socket });
    });
    asked.flushHeaders();
    if (!open) asked.end(body);
    else if (body) asked.write(body);
  });
  return soon(reply, `the answer of ${new URL(url).origin}`, within);
}

/** The WebSocket handshake of a client, done by hand to see how it is refused. */
export function upgrade(url, headers = {}) {
  return request(url.replace(/^ws/, 'http'), {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...headers,
    },
  });
}

export function hasIpv6() {
  return Object.values(networkInterfaces())
    .flat()
    .some(({ address }) => address === '::1');
}
