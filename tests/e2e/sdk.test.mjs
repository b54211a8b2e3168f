import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { Violation, checkFrame, checkResponse, operationIdOf } from './lib/contract.mjs';
import { ApiError, Bctrl, normalizeBase, queryText, retryAfter, upload } from './lib/sdk.mjs';
import { SseParser } from './lib/sse.mjs';

// The instruments themselves: a check that lets everything pass would prove nothing.

const JSON_TYPE = 'application/json';
const space = {
  id: '6f1c2a52-0000-4000-8000-000000000001',
  name: 'A',
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};

function objection(id, status, body, contentType = JSON_TYPE) {
  try {
    checkResponse(id, { status, contentType, text: typeof body === 'string' ? body : JSON.stringify(body) });
    return '';
  } catch (error) {
    assert.ok(error instanceof Violation, error.stack);
    return error.message;
  }
}

test("an answer that is not the contract's is an objection that names the place", () => {
  const error = { error: 'No.', code: 'space.not_found', reasonClass: 'not_found', requestId: 'r' };
  assert.equal(objection('spaces.get', 200, space), '');
  assert.equal(objection('spaces.get', 404, error), '');
  assert.equal(objection('spaces.get', 418, { ...error, reasonClass: 'invalid_input' }), '', 'the default covers it');
  assert.match(objection('spaces.get', 201, space), /no such status/);
  assert.match(objection('spaces.get', 200, space, 'text/plain'), /content type/);
  assert.match(objection('spaces.get', 200, '{'), /no JSON/);
  assert.match(objection('spaces.get', 200, { ...space, id: 7 }), /body\.id must be string/);
  assert.match(objection('spaces.get', 200, { ...space, id: 'sp_1' }), /body\.id must match format "uuid"/);
  assert.match(objection('spaces.get', 200, { ...space, colour: 1 }), /additional properties \(colour\)/);
  assert.match(objection('spaces.list', 200, { data: [space] }), /nextCursor/);
  assert.match(
    objection('spaces.list', 200, { data: [{ ...space, name: 1 }], nextCursor: null }),
    /body\.data\.0\.name/,
  );
  assert.match(objection('spaces.get', 404, { ...error, requestId: undefined }), /requestId/);
  assert.match(objection('spaces.get', 404, { ...error, reasonClass: 'conflict' }), /reasonClass/);
  assert.match(objection('spaces.get', 404, { ...error, code: 'Not Found' }), /code/);
  assert.match(objection('runs.events.stream', 404, { nothing: true }), /error/);
  assert.equal(objection('runs.events.stream', 404, ''), '');
});

test("a frame of a stream that is not the contract's is an objection", () => {
  const id = 'runs.events.stream';
  const data = JSON.stringify({ id: 'e1', time: space.createdAt, type: 'navigation' });
  checkFrame(id, { event: 'run.event', id: 'e1', data });
  assert.throws(() => checkFrame(id, { event: 'run.event', data }), /id: is missing/);
  assert.throws(() => checkFrame(id, { event: 'heartbeat', id: '1', data: '{}' }), /has an id/);
  assert.throws(() => checkFrame(id, { event: 'run.activity', id: 'e1', data }), /no such event/);
  assert.throws(() => checkFrame(id, { event: 'run.event', id: 'e1', data: '{}' }), /time/);
});

test('a request is of the most literal operation that fits', () => {
  assert.equal(operationIdOf('GET', '/v1/proxies/pools'), 'proxies.pools.list');
  assert.equal(operationIdOf('GET', '/v1/proxies/7'), 'proxies.get');
  assert.equal(operationIdOf('GET', '/v1/vault/secrets/a%2Fb/value'), 'vault.secrets.value');
  assert.equal(operationIdOf('PUT', '/v1/proxies'), undefined);
});

test('SSE: line ends, comments, many data lines and pieces that end anywhere make the same frames', () => {
  const text =
    ': hello\r\nevent: run.event\r\nid: 7\r\ndata: {"a":\r\ndata: "é"}\r\n\r\n:\nevent: heartbeat\ndata:{}\n\nid: 8\ndata: last';
  const wanted = [
    { event: 'run.event', id: '7', data: '{"a":\n"é"}' },
    { event: 'heartbeat', data: '{}' },
    { event: 'message', id: '8', data: 'last' },
  ];
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; ++size) {
    const parser = new SseParser();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...parser.push(bytes.subarray(at, at + size)));
    frames.push(...parser.end());
    assert.deepEqual(frames, wanted, `in pieces of ${size}`);
  }
});

test("bases, queries and Retry-After are written and read as BCTRL's SDK does", () => {
  for (const base of ['http://h:1', 'http://h:1/', ' http://h:1// ', 'http://h:1/v1', 'http://h:1/v1/'])
    assert.equal(normalizeBase(base), 'http://h:1/v1');
  assert.equal(
    queryText({ status: ['a', 'b'], force: true, none: undefined, q: 'x y&z' }),
    '?status=a&status=b&force=true&q=x%20y%26z',
  );
  assert.equal(queryText({ none: undefined }), '');
  assert.equal(retryAfter('2'), 2000);
  assert.equal(retryAfter('Thu, 01 Jan 2026 00:00:05 GMT', Date.parse('2026-01-01T00:00:00Z')), 5000);
  assert.equal(retryAfter('soon'), undefined);
  assert.equal(retryAfter(null), undefined);
});

/** A server that answers with `replies` one after the other; yields {bctrl, asked}. */
async function scripted(t, replies, options = {}) {
  const asked = [];
  const server = http.createServer(async (request, reply) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    asked.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    const [status, body, headers = {}] = replies.shift();
    reply.writeHead(status, { 'content-type': JSON_TYPE, ...headers }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  return { bctrl: new Bctrl({ apiKey: 'local_sdk', baseUrl, ...options }), asked };
}

const busy = { error: 'Busy.', code: 'rate_limited', reasonClass: 'rate_limited', requestId: 'r' };
const down = { error: 'Down.', code: 'runtime.host_unavailable', reasonClass: 'upstream', requestId: 'r' };

test('reads and calls with an Idempotency-Key are retried, others are not', async (t) => {
  const started = {
    runtimeId: space.id,
    runId: space.id,
    status: 'active',
    connectUrl: 'ws://h/x',
    protocol: 'cdp',
    started: true,
  };
  const { bctrl, asked } = await scripted(t, [
    [429, busy, { 'retry-after': '0' }],
    [503, down],
    [200, space],
    [503, down, { 'retry-after': '0' }],
    [200, started],
    [503, down],
  ]);
  assert.equal((await bctrl.spaces.get(space.id)).name, 'A');
  assert.equal((await bctrl.runtimes.start(space.id, {}, { idempotencyKey: 'k' })).started, true);
  await assert.rejects(bctrl.runtimes.start(space.id), (error) => error instanceof ApiError && error.status === 503);
  assert.equal(asked.length, 6);
  assert.deepEqual(
    asked.map(({ headers }) => headers['idempotency-key']),
    [undefined, undefined, undefined, 'k', 'k', undefined],
  );
  for (const { headers } of asked) {
    assert.match(headers['user-agent'], /^@bctrl\/sdk\/\S+ v1$/);
    assert.equal(headers['x-sdk-version'], '0.0.0');
    assert.equal(headers.authorization, 'Bearer local_sdk');
  }
});

test('ids are one segment, uploads are multipart, lists are walked', async (t) => {
  const key = { key: 'a/b c', type: 'value', hasTotp: false };
  const file = { id: space.id, spaceId: space.id, name: 'a', path: 'a', contentType: 'text/plain', sizeBytes: 1 };
  Object.assign(file, { source: 'upload', downloadUrl: 'http://h/x', createdAt: space.createdAt });
  const { bctrl, asked } = await scripted(t, [
    [200, key],
    [201, file],
    [200, { data: [space], nextCursor: 'n=1&' }],
    [200, { data: [space], nextCursor: null }],
  ]);
  await bctrl.vault.secrets.get('a/b c');
  await bctrl.files.upload({ spaceId: 'default', file: upload('x', 'a.txt', 'text/plain'), metadata: { a: 1 } });
  const walked = [];
  for await (const one of bctrl.spaces.iter({ limit: 1 })) walked.push(one.id);
  assert.deepEqual(walked, [space.id, space.id]);
  assert.deepEqual(
    asked.map(({ method, url }) => `${method} ${url}`),
    [
      'GET /v1/vault/secrets/a%2Fb%20c',
      'POST /v1/files?spaceId=default',
      'GET /v1/spaces?limit=1',
      'GET /v1/spaces?limit=1&cursor=n%3D1%26',
    ],
  );
  assert.match(asked[1].headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.match(asked[1].body, /name="file"; filename="a\.txt"\r\nContent-Type: text\/plain\r\n\r\nx\r\n/);
  assert.match(asked[1].body, /name="metadata"\r\n\r\n\{"a":1\}\r\n/);
  assert.doesNotMatch(asked[1].body, /spaceId/);
});
