import http from 'node:http';

/**
 * A BCTRL API in which one runtime exists, and which answers one operation as a test wants it to. `refuse` is
 * {on: RegExp of "METHOD /path", status, code}. Yields {url, seen}: every request as {line, authorization}.
 */
export async function fakeApi(t, refuse) {
  const seen = [];
  const runtime = { id: 'rt_1', spaceId: 'sp_1', name: 'main', type: 'browser', status: 'stopped', activeRunId: null };
  const times = { createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' };
  const answers = {
    'GET /v1/auth/whoami': { keyId: 'key_1', scope: 'organization', organizationId: 'org_1', plan: 'developer' },
    'GET /v1/runtimes': { data: [{ ...runtime, ...times }], nextCursor: null },
  };
  const server = http.createServer((asked, reply) => {
    const line = `${asked.method} ${asked.url.split('?')[0]}`;
    seen.push({ line, authorization: asked.headers.authorization });
    const answer = (status, body) =>
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const refusal = { error: 'Refused by the test.', code: refuse.code, requestId: 'req_e2e_1' };
    if (refuse.on.test(line)) return answer(refuse.status, refusal);
    if (answers[line]) return answer(200, answers[line]);
    return answer(404, { ...refusal, code: 'request.not_found' });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, seen };
}
