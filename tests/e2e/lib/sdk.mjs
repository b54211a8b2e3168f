import { setTimeout as delay } from 'node:timers/promises';
import { checkFrame, checkResponse, operation, operations } from './contract.mjs';
import { framesOf } from './sse.mjs';

// A client that puts on the wire what BCTRL's official JavaScript SDK does, and believes no answer before it has been
// held against the contract.

const VERSION = '0.0.0';
const SAFE = ['GET', 'HEAD', 'OPTIONS'];

/** Origin or base, with or without /v1, with or without slashes at the end. */
export function normalizeBase(url) {
  const bare = url.trim().replace(/\/+$/, '');
  return bare.endsWith('/v1') ? bare : `${bare}/v1`;
}

/** undefined is left out, arrays repeat their name. */
export function queryText(query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value]
      .flat()
      .filter((one) => one !== undefined)
      .map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`),
  );
  return pairs.length ? `?${pairs.join('&')}` : '';
}

/** Milliseconds, from seconds or an HTTP date; undefined when the header says neither. */
export function retryAfter(header, now = Date.now()) {
  if (!header) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** A refusal. Branch on `code`. */
export class ApiError extends Error {
  constructor(id, status, body, headers) {
    super(`${id}: ${status} ${body?.code}: ${body?.error}`);
    Object.assign(this, { operation: id, status, body, headers });
    this.code = body?.code ?? 'api.error';
    this.reasonClass = body?.reasonClass;
    this.details = body?.details;
    this.requestId = body?.requestId ?? headers.get('x-request-id') ?? headers.get('x-bctrl-request-id');
  }

  get isControllerBusy() {
    const code = this.code.toLowerCase();
    return code.includes('controller') && code.includes('busy');
  }
}

/** A file for one of the uploads. */
export function upload(content, name, type = 'application/octet-stream') {
  return new File([content], name, { type });
}

function multipart(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const plain = value instanceof Blob || typeof value === 'string';
    form.append(name, plain ? value : JSON.stringify(value));
  }
  return form;
}

const camel = (words) => words.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/**
 *   const bctrl = new Bctrl({ apiKey, baseUrl, coverage });
 *   const runtime = await bctrl.runtimes.create({ name });
 *   await bctrl.runtimes.delete(runtime.id, { force: true });
 *   for await (const event of bctrl.runs.events.iter(runId, { limit: 10 })) ...
 *   for await (const { event, id, data } of bctrl.runs.events.stream(runId)) ...
 *
 * Methods take the values of the path, then the query (GET, DELETE) or the body, then {idempotencyKey, signal, headers}.
 * Of a call with both, the body's names that are the query's go into the query.
 */
export class Bctrl {
  #options;

  /** `coverage` notes every answer; `seen(body)` is shown every JSON body, for the secrets in it. */
  constructor(options) {
    this.#options = { maxRetries: 2, seen: () => {}, ...options, baseUrl: normalizeBase(options.baseUrl) };
    for (const { id } of operations.values()) {
      const words = id.split('.').map(camel);
      const last = words.pop();
      let group = this;
      for (const word of words) group = group[word] ??= {};
      const nested = group[last];
      group[last] = Object.assign(id.endsWith('.stream') ? this.#stream(id) : this.#method(id), nested);
      if (last === 'list') group.iter = (...args) => this.#pages(group.list, ...args);
    }
  }

  /** The same client with other options. */
  with(options) {
    return new Bctrl({ ...this.#options, ...options });
  }

  get coverage() {
    return this.#options.coverage;
  }
  get baseUrl() {
    return this.#options.baseUrl;
  }

  #request(id, args) {
    const { method, path, pathParameters, query, body } = operation(id);
    const ids = args.slice(0, pathParameters.length);
    const [fields = {}, options = {}] = args.slice(pathParameters.length);
    let next = 0;
    // Every id is one segment, whatever is in it.
    const target = path.replace(/^\/v1/, '').replace(/\{\w+\}/g, () => encodeURIComponent(ids[next++]));
    if (next !== ids.length || ids.some((one) => one === undefined)) throw new TypeError(`${id}: ids are missing`);
    if (!body) return { id, method, target: target + queryText(fields), options };
    const inQuery = query.map(({ name }) => name);
    const pick = (wanted) =>
      Object.fromEntries(Object.entries(fields).filter(([name]) => inQuery.includes(name) === wanted));
    const sent = inQuery.length ? pick(false) : fields;
    const isForm = body.contentType === 'multipart/form-data';
    return {
      id,
      method,
      target: target + queryText(inQuery.length ? pick(true) : {}),
      form: isForm ? sent : undefined,
      json: isForm ? undefined : sent,
      options,
    };
  }

  async #send({ id, method, target, form, json, options }) {
    const { apiKey, baseUrl, maxRetries, subaccountId } = this.#options;
    const headers = {
      'user-agent': `@bctrl/sdk/${VERSION} v1`,
      'x-sdk-version': VERSION,
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...(subaccountId && { 'bctrl-subaccount-id': subaccountId }),
      ...(options.idempotencyKey && { 'idempotency-key': options.idempotencyKey }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const repeatable = SAFE.includes(method) || Boolean(options.idempotencyKey);
    for (let attempt = 1; ; ++attempt) {
      const body = form ? multipart(form) : json === undefined ? undefined : JSON.stringify(json);
      const reply = await fetch(baseUrl + target, { method, headers, body, signal: options.signal });
      this.coverage?.record(id, reply.status);
      const again = reply.status === 408 || reply.status === 429 || reply.status >= 500;
      if (!again || !repeatable || attempt > maxRetries) return reply;
      await this.#read(id, reply);
      await delay(retryAfter(reply.headers.get('retry-after')) ?? Math.min(2000, 250 * 2 ** (attempt - 1)));
    }
  }

  /** The body: bytes of a content, JSON else. */
  async #read(id, reply, ranged = false) {
    const contentType = reply.headers.get('content-type');
    const bytes = Buffer.from(await reply.arrayBuffer());
    const isJson = contentType?.startsWith('application/json') || reply.status >= 400;
    const text = isJson ? bytes.toString('utf8') : null;
    checkResponse(id, { status: reply.status, contentType, text, ranged });
    if (!isJson) return bytes;
    const body = text ? JSON.parse(text) : null;
    this.#options.seen(body);
    return body;
  }

  #method(id) {
    return async (...args) => {
      const request = this.#request(id, args);
      const reply = await this.#send(request);
      const ranged = Object.keys(request.options.headers ?? {}).some((name) => name.toLowerCase() === 'range');
      const body = await this.#read(id, reply, ranged);
      if (reply.ok) return request.options.whole ? { body, status: reply.status, headers: reply.headers } : body;
      throw new ApiError(id, reply.status, body, reply.headers);
    };
  }

  #stream(id) {
    const client = this;
    return async function* stream(...args) {
      const reply = await client.#send(client.#request(id, args));
      if (!reply.ok) throw new ApiError(id, reply.status, await client.#read(id, reply), reply.headers);
      checkResponse(id, { status: reply.status, contentType: reply.headers.get('content-type'), text: null });
      for await (const frame of framesOf(reply.body)) {
        checkFrame(id, frame);
        yield { ...frame, data: JSON.parse(frame.data) };
        if (frame.event === 'run.ended') return;
      }
    };
  }

  async *#pages(list, ...args) {
    const isFields = (one) => typeof one === 'object';
    const ids = args.filter((one) => !isFields(one));
    const [fields = {}, options] = args.filter(isFields);
    let cursor = fields.cursor;
    do {
      const page = await list(...ids, { ...fields, cursor }, options);
      yield* page.data;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}
