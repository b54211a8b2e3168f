import { acceptsBody, operation, resolve } from '../lib/contract.mjs';

// Bad input, made from the contract: each case breaks one thing in a good request.

const WRONG = [7.5, 'text', true, [[]], { no: 'such' }, null];
const LONG = 300_000; // more than any text has a use for, less than a body may have
const NO_SUCH = 'no-such-value';

/** The branch of a union that the good value is of. */
function branchFor(schema, value) {
  const node = resolve(schema);
  const branches = node.oneOf ?? node.anyOf;
  if (!branches) return node;
  const kind = Array.isArray(value) ? 'array' : typeof value;
  const named = node.discriminator?.propertyName;
  const fits = branches.map(resolve).find((branch) => {
    if (named) return resolve(branch.properties?.[named] ?? {}).const === value?.[named];
    return [branch.type].flat().includes(kind);
  });
  return fits ?? node;
}

function replaced(body, path, value) {
  const copy = structuredClone(body);
  const last = path.at(-1);
  const holder = path.slice(0, -1).reduce((at, key) => (at[key] ??= {}), copy);
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}

// A field's path as the backend writes it: a.b[0].c
const words = (path) =>
  path.reduce((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${key}` : key), '');

/** [{what, field, body}]: `body` with one fault in the member at `path`, whose schema is `schema`. */
function faultsIn(id, body, path, schema, value) {
  const cases = [];
  const add = (what, wrong) => {
    const broken = replaced(body, path, wrong);
    if (!acceptsBody(id, broken)) cases.push({ what, field: words(path), body: broken });
  };
  const node = resolve(schema);
  // One wrong type will do; every one would be the same check again.
  const wrong = WRONG.find((one) => !acceptsBody(id, replaced(body, path, one)));
  if (wrong !== undefined) add('a wrong type', wrong);
  if (node.enum || 'const' in node) add('an unknown value', NO_SUCH);
  if (node.maxLength !== undefined) add('one character too many', 'x'.repeat(node.maxLength + 1));
  if (node.minLength > 0) add('too short', '');
  if (node.maximum !== undefined) add('too large', node.maximum + 1);
  if (node.minimum !== undefined) add('too small', node.minimum - 1);
  if (node.pattern) add('a wrong form', '../no');
  const plain = [node.type].flat().includes('string') && !node.enum && !('const' in node) && node.format !== 'binary';
  // The contract has no maximum here, so its validator accepts it; the backend must not.
  if (plain) cases.push({ what: 'too long', field: words(path), body: replaced(body, path, 'x'.repeat(LONG)) });
  if (value === undefined) return cases;
  return [...cases, ...faultsBelow(id, body, path, node, value)];
}

function faultsBelow(id, body, path, schema, value) {
  const node = branchFor(schema, value);
  const cases = [];
  for (const name of node.required ?? []) {
    const broken = path.length || name in body ? replaced(body, [...path, name], undefined) : body;
    if (!acceptsBody(id, broken)) cases.push({ what: 'missing', field: words([...path, name]), body: broken });
  }
  for (const [name, member] of Object.entries(node.properties ?? {}))
    cases.push(...faultsIn(id, body, [...path, name], member, value?.[name]));
  if (Array.isArray(value) && value.length && node.items)
    cases.push(...faultsIn(id, body, [...path, 0], node.items, value[0]));
  return cases;
}

/** Bad bodies of an operation that takes JSON. */
export function badBodies(id, good) {
  return faultsBelow(id, good, [], operation(id).body.schema, good);
}

/** Bad queries: [{what, field, query}]. */
export function badQueries(id) {
  return operation(id).query.flatMap(({ name, schema: given }) => {
    const node = resolve(given);
    const schema = node.type === 'array' ? resolve(node.items) : node;
    const cases = [];
    const add = (what, value) => cases.push({ what, field: name, query: `?${name}=${encodeURIComponent(value)}` });
    if (schema.enum || 'const' in schema) add('an unknown value', NO_SUCH);
    if (node.type === 'array' && schema.enum) add('an unknown value among others', `${schema.enum[0]},${NO_SUCH}`);
    if (['integer', 'number', 'boolean'].includes(schema.type)) add('a wrong type', 'x7');
    if (name === 'cursor') add('no cursor of this list', 'bm8');
    return cases;
  });
}

/** Ids that want to be paths: raw segments, as they stand in the target. */
export const TRAVERSALS = [
  '..%2F..%2F..%2Fetc%2Fpasswd',
  '%2e%2e',
  '..',
  '%00',
  '%2Fetc%2Fpasswd',
  'a%5C..%5Cb',
  '%ff%fe',
  'x'.repeat(4096),
];

/** Names and paths of files that lead out of where they belong. */
export const PATHS = [
  '../escape.txt',
  '/etc/passwd',
  'a/../../escape.txt',
  'a/./b.txt',
  'a\\..\\b.txt',
  'a\0b.txt',
  'x'.repeat(5000),
];
