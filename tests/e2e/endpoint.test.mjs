import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './lib/eventually.mjs';
import { upgrade } from './lib/http.mjs';
import { Dialogue, rawRequest, startTwins } from './lib/twin.mjs';

const get = (target, headers = '', method = 'GET') =>
  ({ authority }) => `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${headers}\r\n`;
const withHost = (host) => () => `GET /json/version HTTP/1.1\r\n${host === null ? '' : `Host: ${host}\r\n`}\r\n`;
const handshake = (target, headers = '') => get(target,
  `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n${headers}`);
const PAGE_WITH_WORKER = 'data:text/html,<title>A%26B</title><script>w=new%20Worker(URL.createObjectURL(new%20Blob([""])))</script>';
const PAGE = (end) => `/devtools/page/${end.page}`;

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'FOO', 'get', 'TRACE'];
const READS = ['/json/version', '/json/version/', '/json/version/extra', '/json/version?x=1', '/json/version#f', '/json/version/?t=1',
  '/json', '/json?x', '/json/list', '/json/list/', '/json/list/abc', '/json/list?t=1', '/json/list?for_tab', '/json/list?for_tab=1',
  '/json/list?x&for_tab', '/json/', '/json/tabs', '/json/LIST', '/json/Version', '/json/foo/bar', '/json/vers%69on', '/json/version;x',
  '/json//version', '/json/./version', '/jsonx', '/json.html', '/json%2Flist', '/JSON/version', '//json/version', '/x/../json/version',
  '/', '/?x', '/index.html', '/favicon.ico', '/devtools', '/metrics', '/status', '*', '/json/protocol', '/json/protocol/',
  '/json/<script>', '/json/activate', '/json/activate/', '/json/activate/nope', '/json/close/a/b', '/json/close?id=1',
  '/json/activate/0123456789abcdef0123456789abcdef', '/json/new', '/json/new?about:blank'];
const HOSTS = ['localhost', 'LOCALHOST', 'localhost.', 'x.localhost:1', '127.0.0.1', '0.0.0.0', '8.8.8.8:80', '192.168.1.2', '[::1]',
  '[::1]:9222', '[fe80::1]', '127.1', '2130706433', '0x7f000001', '127.0.0.1.', 'example.com', 'my-laptop', 'host.docker.internal',
  'localhost6', 'localhost.localdomain', '127.0.0.1.nip.io', '::1', '127.0.0.1:99999', '127.0.0.1:x'];
const NEW = ['', '?', '?about:blank', '?data:text/html,hello', '?data%3Atext%2Fhtml%2Chello', '?url=about:blank', '?not%20a%20url', '?example',
  '?javascript:1', '?about:blank&for_tab', '?for_tab', '/', '/about:blank', '?data:text/html,a&b=c', '?http://%ff%fe'];

/** Every request, by name, as a function of the end it is sent to. */
function requests() {
  const all = new Map();
  for (const method of METHODS) all.set(`${method} /json/version`, get('/json/version', '', method));
  for (const path of READS) all.set(`GET ${path}`, get(path));
  for (const host of HOSTS) all.set(`Host ${host}`, withHost(host));
  all.set('two Hosts', () => 'GET /json/version HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n');
  all.set('Host of another site on an unknown path', () => 'GET /nope HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  all.set('a foreign Origin on a read', get('/json/list', 'Origin: https://evil.example\r\n'));
  all.set('activate its page', (end) => get(`/json/activate/${end.page}`)(end));
  all.set('activate its page with a query', (end) => get(`/json/activate/${end.page}?q`, '', 'POST')(end));
  all.set('activate its page with a slash', (end) => get(`/json/activate/${end.page}/`)(end));
  all.set('a body', (end) => `${get('/json/version', 'Content-Length: 3\r\n', 'POST')(end)}abc`);
  for (const version of ['7', '12', '0', '13, 8', '013'])
    all.set(`WebSocket version ${version}`, (end) => handshake(PAGE(end))(end).replace('Version: 13', `Version: ${version}`));
  all.set('no WebSocket key', (end) => handshake(PAGE(end))(end).replace(/Sec-WebSocket-Key.*\r\n/, ''));
  all.set('an unknown page', handshake('/devtools/page/0123456789ABCDEF0123456789ABCDEF'));
  all.set('no page', handshake('/devtools/page/'));
  all.set('a page with a query', (end) => handshake(`${PAGE(end)}?x`)(end));
  all.set('a page with a slash', (end) => handshake(`${PAGE(end)}/`)(end));
  all.set('a page', (end) => handshake(PAGE(end))(end));
  all.set('the browser', (end) => handshake(end.browser)(end));
  all.set('the browser with more behind', (end) => handshake(`${end.browser}zzz?x`)(end));
  all.set('another browser', handshake('/devtools/browser/00000000-0000-4000-8000-000000000000'));
  all.set('a worker', handshake('/devtools/worker/1'));
  all.set('a WebSocket at /json/version', handshake('/json/version'));
  all.set('its own Origin', (end) => handshake(PAGE(end), `Origin: http://${end.authority}\r\n`)(end));
  all.set('Upgrade: WebSocket in a list', (end) => handshake(PAGE(end))(end).replace('Connection: Upgrade', 'Connection: keep-alive, Upgrade'));
  return all;
}

/** Where we mean to differ, and why. Each must differ, or it has no place here. */
const INTENDED = {
  'Host ': [withHost(''), 'an address without a host leads nowhere'],
  'no Host': [withHost(null), 'an address without a host leads nowhere'],
  'Host with a user': [withHost('evil.example@127.0.0.1'), "an accident of Chromium's URL parser"],
  'Host with a path': [withHost('127.0.0.1/evil.example'), "an accident of Chromium's URL parser"],
  'PUT /json/new of another site': [get('/json/new', 'Origin: https://evil.example\r\n', 'PUT'), 'a web page must not open tabs'],
  'close of another site': [get('/json/close/nope', 'Sec-Fetch-Site: cross-site\r\n'), 'a web page must not close tabs'],
  'a WebSocket at /': [handshake('/'), 'tools that connect to the address they are given'],
  'a WebSocket at /devtools/browser': [handshake('/devtools/browser'), 'an address that lasts'],
  'the DevTools of a browser': [(end) => handshake(PAGE(end), 'Origin: devtools://devtools\r\n')(end), 'no web page can have this Origin'],
  'another Origin': [(end) => handshake(PAGE(end), 'Origin: https://evil.example\r\n')(end), "the text names our setting, not Chrome's flag"],
  'WebSocket version 8': [(end) => handshake(PAGE(end))(end).replace('Version: 13', 'Version: 8'), 'obsolete'],
  'a WebSocket by POST': [(end) => handshake(PAGE(end))(end).replace('GET', 'POST'), 'obsolete'],
  'permessage-deflate': [(end) => handshake(PAGE(end), 'Sec-WebSocket-Extensions: permessage-deflate\r\n')(end), 'costs CPU, saves nothing on loopback'],
  'GET /devtools/inspector.html': [get('/devtools/inspector.html'), 'we carry no front end'],
  'HEAD /json/version': [get('/json/version', '', 'HEAD'), 'a reply to HEAD has no body (RFC 9110)'],
  'no HTTP': [() => 'hello\r\n\r\n', 'is told so before it is closed'],
  'HTTP/1.0': [() => 'GET /json/version HTTP/1.0\r\n\r\n', 'is answered, as RFC 9112 says'],
  'a header of 70 KiB': [get('/json/version', `X: ${'x'.repeat(70_000)}\r\n`), 'nothing legitimate is that large'],
};

/** What must differ between two ends, made equal. */
function plain(reply, end) {
  if (typeof reply === 'string') return reply;
  const tidy = (text) => text
    .replaceAll(end.authority, '<end>')
    .replaceAll(end.browser, '<browser>')
    .replace(/[0-9A-F]{32}/g, '<target>');
  const isList = reply.body.startsWith('[ {');
  const length = /^content-length: /;
  return {
    status: reply.status,
    headers: reply.headers.map((line) => (length.test(line) ? 'content-length' : tidy(line))),
    body: isList ? JSON.parse(tidy(reply.body)).map(({ title, type, url }) => `${type} ${title} ${url}`) : tidy(reply.body),
  };
}

async function end(origin, page, browser) {
  return { origin, authority: new URL(origin).host, page, browser: new URL(browser).pathname };
}

test('whoever asks the bridge and its Chromium cannot tell which is which', async (t) => {
  const { chromium, daemon } = await startTwins(t);
  const made = await rawRequest(chromium.http, get(`/json/new?${PAGE_WITH_WORKER}`, '', 'PUT')({ authority: 'localhost' }));
  const { id } = JSON.parse(made.body);
  await eventually(async () => assert.match(await (await fetch(`${chromium.http}/json`)).text(), /"type": "worker"/));
  const ends = [await end(chromium.http, id, chromium.ws), await end(daemon.http, id, daemon.ws)];
  const both = async (bytes) => {
    const replies = [];
    for (const each of ends) replies.push(plain(await rawRequest(each.origin, bytes(each)), each));
    return replies;
  };

  for (const [name, bytes] of requests()) {
    await t.test(name, async () => {
      // A page that has just been opened may get its title between the two questions.
      await eventually(async () => {
        const [chrome, bridge] = await both(bytes);
        assert.deepEqual(bridge, chrome);
      }, { within: 3_000 });
    });
  }
  for (const [name, [bytes, why]] of Object.entries(INTENDED)) {
    await t.test(`different: ${name} (${why})`, async () => {
      const [chrome, bridge] = await both(bytes);
      assert.notDeepEqual(bridge, chrome);
    });
  }
  await t.test('PUT /json/new opens the same page for the same words', async () => {
    for (const query of NEW) {
      const replies = [];
      for (const each of ends) {
        const reply = await rawRequest(each.origin, get(`/json/new${query}`, '', 'PUT')(each));
        const { id: opened, ...shown } = JSON.parse(reply.body);
        for (const key of ['devtoolsFrontendUrl', 'webSocketDebuggerUrl'])
          shown[key] = shown[key].replaceAll(opened, '<id>').replaceAll(each.authority, '<end>');
        replies.push({ status: reply.status, shown });
        await rawRequest(each.origin, get(`/json/close/${opened}`)(each));
      }
      assert.deepEqual(replies[1], replies[0], query);
    }
  });
  await t.test('the list has the order of the last use, after each change', async () => {
    const ids = (reply) => JSON.parse(reply.body).map((target) => target.id);
    const order = () => eventually(async () => { // a page that was closed stays a moment
      const lists = [];
      for (const each of ends) lists.push(ids(await rawRequest(each.origin, get('/json/list')(each))));
      assert.deepEqual(lists[1], lists[0]);
      return lists[1];
    });
    const opened = [];
    for (let i = 0; i < 4; ++i) {
      const reply = await rawRequest(ends[i % 2].origin, get('/json/new', '', 'PUT')(ends[i % 2]));
      opened.unshift(JSON.parse(reply.body).id);
      assert.deepEqual((await order()).slice(0, i + 1), opened);
    }
    await rawRequest(daemon.http, get(`/json/activate/${opened[2]}`)(ends[1]));
    assert.equal((await order())[0], opened[2]);
    for (const each of opened) await rawRequest(daemon.http, get(`/json/close/${each}`)(ends[1]));
    await order();
  });

  await daemon.quiet();
  await daemon.stop();
  await chromium.kill();
});

const BAD = ['', ' ', '{', '[', '[]', '1', '"x"', 'null', '{}x', '{"id":1', '{"id":1,}', '{"id":1 "method":"a"}', '{id:1}', '{"a"}', '{"a":}',
  '{"id":01}', '{"method":"Browser.getVersion"}', '{"id":null,"method":"a"}', '{"id":true,"method":"a"}', '{"id":"1","method":"a"}',
  '{"id":1.5,"method":"a"}', '{"id":2147483648,"method":"a"}', '{"id":-2147483649,"method":"a"}', '{"id":1}', '{"id":1,"method":1}',
  '{"id":1,"method":""}', '{"id":1,"method":"a","params":"x"}', '{"id":1,"method":"a","params":1}', '{"id":1,"method":"a","sessionId":1}',
  '{"id":1,"method":"a","sessionId":null}', '{"id":1,"method":"a","extra":1}', '{"id":1,"method":"a","result":{}}',
  '{"id":1,"method":"Browser.getVersion","params":{"a":1e400}}',
  `{"id":1,"method":"Browser.getVersion","params":${'['.repeat(300)}1${']'.repeat(300)}}`,
  '{"id":1,"method":"Browser.getVersion","sessionId":"0123456789ABCDEF0123456789ABCDEF"}'];
const ODD = ['{"id":0,"method":"Browser.getVersion"}', '{"id":-5,"method":"Browser.getVersion"}', '{"id":-0,"method":"Browser.getVersion"}',
  '{"id":1.0,"method":"Browser.getVersion"}', '{"id":1e3,"method":"Browser.getVersion"}', '{"id":2147483647,"method":"Browser.getVersion"}',
  '{"method":"Browser.getVersion","id":7}', '{"id":7,"sessionId":"","method":"Browser.getVersion"}',
  '{"\\u0069d":7,"method":"Browser.getVersion"}', ' {"id" : 7 , "method" : "Browser.getVersion" } ',
  '{"id":7,"method":"Browser.getVersion","params":null}', '{"id":7,"method":"Browser.getVersion","params":[]}',
  '{"id":7,"method":"Browser.getVersion","params":{"x":"\\"sessionId\\":\\"A\\"","sessionId":"B","id":1}}'];
const WRONG = ['{"id":1,"method":"Foo.bar"}', '{"id":1,"method":"Target.attachToTarget","params":{"targetId":1,"flatten":true}}',
  '{"id":1,"method":"Target.attachToTarget","params":{"targetId":"nope","flatten":true}}',
  '{"id":1,"method":"Target.closeTarget","params":{"targetId":"nope"}}',
  '{"id":1,"method":"Target.detachFromTarget","params":{"sessionId":"nope"}}', '{"id":1,"method":"Target.detachFromTarget"}',
  '{"id":1,"method":"Target.detachFromTarget","params":{"targetId":"nope"}}',
  '{"id":1,"method":"Target.setAutoAttach","params":{"autoAttach":true,"waitForDebuggerOnStart":false}}',
  '{"id":1,"method":"Target.getBrowserContexts"}', '{"id":1,"method":"Tracing.end"}', '{"id":1,"method":"IO.read","params":{"handle":"nope"}}',
  '{"id":1,"method":"Fetch.continueRequest","params":{"requestId":"nope"}}',
  '{"id":1,"method":"Page.handleJavaScriptDialog","params":{"accept":true}}',
  '{"id":1,"method":"Target.sendMessageToTarget","params":{"message":"{\\"id\\":1,\\"method\\":\\"a\\"}","sessionId":"nope"}}'];

test('every malformed, odd and wrong command is answered by the bridge as by Chromium', async (t) => {
  const { chromium, daemon } = await startTwins(t);
  const made = await rawRequest(chromium.http, get('/json/new?about:blank', '', 'PUT')({ authority: 'localhost' }));
  const { id } = JSON.parse(made.body);
  const page = (origin) => `${origin.replace('http', 'ws')}/devtools/page/${id}`;
  const pairs = {
    'the browser': [chromium.ws, daemon.ws],
    'a page': [page(chromium.http), page(daemon.http)],
  };
  const answers = async (url, frames, session = '') => {
    const dialogue = await Dialogue.open(url);
    const out = [];
    let member = '';
    if (session) {
      const attached = JSON.parse(await dialogue.ask(`{"id":1,"method":"Target.attachToTarget","params":{"targetId":"${id}","flatten":true}}`));
      member = `,"sessionId":"${attached.result.sessionId}"`;
    }
    for (const frame of frames) {
      const sent = member && !frame.includes('sessionId') && frame.endsWith('}') ? `${frame.slice(0, -1)}${member}}` : frame;
      const reply = await dialogue.ask(sent);
      out.push(`${frame} -> ${member ? reply.replaceAll(member, ',<session>').replace(/position \d+/, 'position') : reply}`);
    }
    await dialogue.close();
    return out;
  };
  for (const [name, [direct, bridged]] of Object.entries(pairs)) {
    await t.test(`on the session of ${name}`, async () => {
      const frames = [...BAD, ...ODD, ...WRONG];
      assert.deepEqual(await answers(bridged, frames), await answers(direct, frames));
    });
  }
  await t.test('on a child session', async () => {
    const frames = [...BAD, ...ODD, ...WRONG];
    assert.deepEqual(await answers(daemon.ws, frames, 'child'), await answers(chromium.ws, frames, 'child'));
  });
  await t.test('a refused upgrade tells Playwright and people why', async () => {
    await daemon.cli('stop', 'main');
    await chromium.kill();
    const refused = await upgrade(daemon.ws);
    assert.equal(refused.status, 503);
    assert.match(refused.headers['x-playwright-debug-log'], /^\[UPSTREAM_REFUSED\] /);
    assert.match(refused.body, /^bctrl-bridge: \[UPSTREAM_REFUSED\] [^\n]+\n[^\n]+\n$/);
  });
  await daemon.stop();
});
