import assert from 'node:assert/strict';
import { operation } from '../lib/contract.mjs';
import { queryText } from '../lib/sdk.mjs';
import { samples } from './world.mjs';

// Refusals that every operation has for the same reasons.

export const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const JSON_TYPE = { 'content-type': 'application/json' };

/** "/v1/runs/ID/files" with these ids; more of `fields` than the query is not sent. */
export function targetOf(id, ids, fields = {}) {
  const { path, query } = operation(id);
  let next = 0;
  const named = query.map(({ name }) => name);
  const asked = Object.fromEntries(Object.entries(fields).filter(([name]) => named.includes(name)));
  return path.replace(/\{\w+\}/g, () => encodeURIComponent(ids[next++] ?? UNKNOWN)) + queryText(asked);
}

/** What to send as the body of a sample: {headers, body}. */
export async function encoded(id, fields) {
  const { body, query } = operation(id);
  if (!body) return {};
  const named = query.map(({ name }) => name);
  const own = Object.fromEntries(Object.entries(fields ?? {}).filter(([name]) => !named.includes(name)));
  if (body.contentType === 'application/json') return { headers: JSON_TYPE, body: JSON.stringify(own) };
  const form = new FormData();
  for (const [name, value] of Object.entries(own))
    form.append(name, value instanceof Blob || typeof value === 'string' ? value : JSON.stringify(value));
  const asSent = new Response(form);
  return {
    headers: { 'content-type': asSent.headers.get('content-type') },
    body: Buffer.from(await asSent.arrayBuffer()),
  };
}

async function refused(w, id, status, code, target, options) {
  const reply = await w.local.raw(operation(id).method, target, options);
  assert.equal(reply.status, status, `${id}: ${reply.status} ${JSON.stringify(reply.body)}`);
  if (reply.body !== '') assert.match(reply.body.code, code);
  return reply;
}

/** 401 comes before everything else: the ids exist nowhere, the body is missing. */
export async function withoutKey(w, id) {
  await refused(w, id, 401, /^auth\.required$/, targetOf(id, []), { key: null });
  await refused(w, id, 401, /^auth\.invalid$/, targetOf(id, []), { key: 'bctrl_live_not_for_here' });
}

/** 403: what only a web page or a rebound name can be. */
export async function fromAPage(w, id) {
  const headers = { origin: 'https://page.example' };
  await refused(w, id, 403, /^auth\.forbidden$/, targetOf(id, []), { headers });
  await refused(w, id, 403, /^auth\.forbidden$/, targetOf(id, []), { headers: { host: 'rebound.example' } });
}

/** What only an injected fault brings about, worded as the contract wants it. */
export async function faulted(w, id) {
  const sent = await encoded(id, await samples[id].fields?.(w));
  const breakdowns = operation(id).errors.filter((status) => [402, 429].includes(status) || status >= 500);
  for (const status of breakdowns) {
    const fault = { match: { operation: id }, status, ...(status === 429 && { retryAfterSeconds: 1 }) };
    const added = await w.local.raw('POST', '/_local/faults', { headers: JSON_TYPE, body: JSON.stringify(fault) });
    assert.equal(added.status, 201, JSON.stringify(added.body));
    const { headers } = await refused(w, id, status, /^[a-z_.]+$/, targetOf(id, []), sent);
    assert.equal(headers['retry-after'], status === 429 ? '1' : undefined);
  }
}

/** 404 for each id of the path that is none, the others being good. */
export async function unknownIds(w, id) {
  const { ids, fields } = samples[id];
  const values = await ids(w);
  for (const position of values.keys()) {
    const given = values.map((value, at) => (at === position ? UNKNOWN : value));
    const sent = fields && (await fields(w));
    await refused(w, id, 404, /^(?!request\.).*not_found$/, targetOf(id, given, sent), await encoded(id, sent));
  }
}

// Whatever it is about: these are the organization's to do.
const MANAGING = ['subaccounts.update', 'subaccounts.archive'];

/** 404 for what is somebody else's: a subaccount asks for things of the organization. */
export async function notTheirs(w, id) {
  const { ids, fields } = samples[id];
  const sent = fields && (await fields(w));
  const body = await encoded(id, sent);
  w.stranger ??= await w.bctrl.subaccounts.create({ name: 'Stranger' });
  const headers = { ...body.headers, 'bctrl-subaccount-id': w.stranger.id };
  const target = targetOf(id, await ids(w), sent);
  const [status, code] = MANAGING.includes(id) ? [403, /^auth\.forbidden$/] : [404, /^(?!request\.).*not_found$/];
  await refused(w, id, status, code, target, { ...body, headers });
}

/** 400 for a body that is none at all. */
export async function brokenBody(w, id) {
  const { ids = () => [] } = samples[id];
  const target = targetOf(id, await ids(w));
  const { contentType } = operation(id).body;
  const isJson = contentType === 'application/json';
  for (const body of isJson ? ['{"name": ', '[]', '"text"', '{"name": "\\ud800"}x'] : ['--x\r\n\r\n', '']) {
    const headers = { 'content-type': isJson ? contentType : `${contentType}; boundary=x` };
    await refused(w, id, 400, /^[a-z_]+\.[a-z_]+$/, target, { headers, body });
  }
}
