import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// The contract as data: what an operation takes and answers, and whether an answer is one of those.

const FILE = join(import.meta.dirname, '../../../local/contract/openapi.json');
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

export const document = JSON.parse(readFileSync(FILE, 'utf8'));

/** What the contract says of one answer was not so. */
export class Violation extends Error {
  constructor(where, what) {
    super(`${where}: ${what}`);
    this.name = 'Violation';
  }
}

/** "#/components/schemas/X" or the thing itself. */
export function resolve(node) {
  while (node?.$ref)
    node = node.$ref
      .slice(2)
      .split('/')
      .reduce((at, key) => at[key], document);
  return node;
}

function operationOf(method, path, raw) {
  const parameters = (raw.parameters ?? []).map(resolve);
  const named = (where) => parameters.filter((one) => one.in === where);
  const [contentType, body] = Object.entries(raw.requestBody?.content ?? {})[0] ?? [];
  return {
    id: raw.operationId,
    method: method.toUpperCase(),
    path,
    pathParameters: named('path').map(({ name }) => name),
    query: named('query'),
    headers: named('header').map(({ name }) => name),
    body: body && { contentType, required: raw.requestBody.required === true, schema: body.schema },
    responses: raw.responses,
    sse: raw['x-sse-events'],
    success: Object.keys(raw.responses).find((status) => status.startsWith('2')),
    errors: Object.keys(raw.responses)
      .filter((status) => /^[45]/.test(status))
      .map(Number),
  };
}

/** operationId -> operation, all of them. */
export const operations = new Map(
  Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = operationOf(method, path, item[method]);
      return [operation.id, operation];
    }),
  ),
);

export function operation(id) {
  const found = operations.get(id);
  if (!found) throw new Error(`the contract has no operation ${id}`);
  return found;
}

/**
 * A response may hold only fields that the contract names: a misspelt optional field would pass otherwise. Requests
 * stay open, as the contract wants it. The parts of an allOf stay open too: none of them knows the others' fields.
 */
function closed(node, inAllOf = false) {
  if (Array.isArray(node)) return node.map((one) => closed(one));
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      key === 'allOf' ? value.map((one) => closed(one, true)) : closed(value),
    ]),
  );
  const isRecord = copy.type === 'object' && copy.properties && !('additionalProperties' in copy);
  return isRecord && !inAllOf ? { ...copy, additionalProperties: false } : copy;
}

function validators(components) {
  const ajv = formats(new Ajv({ strict: false, allErrors: true, validateFormats: true }));
  ajv.addSchema({ $id: 'contract', components });
  const made = new Map();
  // Every schema gets its references rooted in the one document.
  const rooted = (node) => JSON.parse(JSON.stringify(node).replaceAll('"#/', '"contract#/'));
  return (schema) => {
    const key = JSON.stringify(schema);
    if (!made.has(key)) made.set(key, ajv.compile(rooted(schema)));
    return made.get(key);
  };
}

const forResponses = validators({ schemas: closed(document.components.schemas) });
const forRequests = validators({ schemas: document.components.schemas });

// Of the branches of a union only the complaints that lead deepest are of use to a reader.
function complaints(errors) {
  const deepest = Math.max(...errors.map(({ instancePath }) => instancePath.split('/').length));
  const words = errors
    .filter(({ instancePath, keyword }) => instancePath.split('/').length === deepest || keyword === 'required')
    .map(({ instancePath, message, params }) => {
      const extra = params.additionalProperty ?? params.allowedValues?.join(', ') ?? params.allowedValue;
      return `body${instancePath.replaceAll('/', '.')} ${message}${extra === undefined ? '' : ` (${extra})`}`;
    });
  return [...new Set(words)].slice(0, 8).join('; ');
}

/** What is wrong with `value` as a response of that schema; '' when nothing is. */
export function objections(schema, value) {
  const validate = forResponses(schema);
  return validate(value) ? '' : complaints(validate.errors);
}

/** Whether a request body is one that the contract takes. */
export function acceptsBody(id, value) {
  return forRequests(operation(id).body.schema)(value);
}

function declared(operation, status) {
  const { responses } = operation;
  return resolve(responses[status] ?? (status >= 400 ? responses.default : undefined));
}

/**
 * Throws a Violation unless the answer {status, contentType, text} is one that the contract allows for the operation.
 * `text` is the whole body; null for a stream, whose frames are checked one by one by checkFrame().
 */
export function checkResponse(id, { status, contentType, text, ranged = false }) {
  const where = `${id} ${status}`;
  // A part of a content is the content's answer in HTTP's own words.
  const response = declared(operation(id), ranged && status === 206 ? 200 : status);
  if (!response) throw new Violation(where, 'the contract has no such status');
  if (!response.content) {
    if (text) checkError(where, contentType, text); // a body is not forbidden, but then it must be one of ours
    return;
  }
  const type = (contentType ?? '').split(';')[0].trim().toLowerCase();
  const content = response.content[type];
  if (!content) throw new Violation(where, `content type "${contentType}", not ${Object.keys(response.content)}`);
  if (type === 'application/json') {
    const what = objections(content.schema, parsed(where, text));
    if (what) throw new Violation(where, what);
  }
  if (status >= 400) checkError(where, contentType, text);
}

const REASONS = {
  400: 'invalid_input',
  401: 'unauthorized',
  402: 'capability_limit_exceeded',
  403: 'capability_denied',
};
Object.assign(REASONS, { 404: 'not_found', 409: 'conflict', 429: 'rate_limited', 500: 'server', 503: 'upstream' });

// Beyond the schema: what every failure carries here, so that it can be told and traced.
function checkError(where, contentType, text) {
  const body = parsed(where, text);
  const what = objections({ $ref: '#/components/schemas/ErrorResponse' }, body);
  if (what) throw new Violation(where, what);
  if (!/^application\/json/.test(contentType)) throw new Violation(where, `content type "${contentType}"`);
  if (!body.requestId) throw new Violation(where, 'body.requestId is missing');
  if (!/^[a-z][a-z_]*(\.[a-z][a-z_]*)*$/.test(body.code)) throw new Violation(where, `body.code is "${body.code}"`);
  const status = Number(where.split(' ').at(-1));
  if (REASONS[status] && body.reasonClass !== REASONS[status])
    throw new Violation(where, `body.reasonClass is "${body.reasonClass}", not "${REASONS[status]}"`);
}

function parsed(where, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Violation(where, `the body is no JSON: ${JSON.stringify(String(text).slice(0, 120))}`);
  }
}

/** One frame {event, id, data} of a stream. */
export function checkFrame(id, { event, id: position, data }) {
  const where = `${id} event ${event}`;
  const known = operation(id).sse?.[event];
  if (!known) throw new Violation(where, 'the contract has no such event');
  if (known.id !== (position !== undefined)) throw new Violation(where, known.id ? 'id: is missing' : 'has an id:');
  const what = objections({ $ref: known.data }, parsed(where, data));
  if (what) throw new Violation(where, what);
}

/** operationId of a request, by method and decoded-late path; undefined when the contract has none. */
export function operationIdOf(method, path) {
  const given = path.split('/');
  const fits = [...operations.values()].filter((one) => {
    const form = one.path.split('/');
    return (
      one.method === method &&
      form.length === given.length &&
      form.every((segment, i) => segment === given[i] || (segment.startsWith('{') && given[i] !== ''))
    );
  });
  const literals = (one) => one.path.split('/').filter((segment) => !segment.startsWith('{')).length;
  return fits.sort((a, b) => literals(b) - literals(a))[0]?.id;
}
