// Error statuses that the contract lists and that nothing but an injected fault brings about here, with the reason. A
// test fails when one of them is seen without a fault: then its line is wrong and goes.

const NO_CREDITS = 'nothing costs credits on your own machine';
const NAMES_MAY_AGREE = 'their names need not differ';
const SAID_IN_THE_ANSWER = 'what fails outside is answered with ok: false';
const TOO_MANY = 'only ten thousand addresses that have not expired bring it about';
const NOT_DISTURBED = 'waiting disturbs nobody';

/** For every operation. */
const everywhere = {
  429: 'a local backend limits no rate',
  500: 'a 500 would be a bug',
  503: 'browser, disk and viewer are of this machine: only their breakdown brings it about',
};

/** For one: "operation status". */
const here = {
  'ai.credentials.create 409': NAMES_MAY_AGREE,
  'ai.credentials.test 400': SAID_IN_THE_ANSWER,
  'ai.credentials.test 503': SAID_IN_THE_ANSWER,
  'ai.credentials.update 409': NAMES_MAY_AGREE,
  'api-keys.create 402': NO_CREDITS,
  'proxies.create 409': NAMES_MAY_AGREE,
  'proxies.create 503': 'it is the provider of managed proxies that can be away, and those are refused',
  'proxies.test 400': SAID_IN_THE_ANSWER,
  'proxies.test 503': SAID_IN_THE_ANSWER,
  'proxies.update 409': NAMES_MAY_AGREE,
  'runs.live 503': TOO_MANY,
  'runs.recording 503': TOO_MANY,
  'runtimes.create 402': 'only active runtimes are counted, and a new one is stopped',
  'runtimes.human-actions.wait 409': NOT_DISTURBED,
  'runtimes.invocations.cancel 409': 'an invocation that has ended is answered as it is',
  'runtimes.invocations.create 402': 'its runtime is active and thus counted already',
  'runtimes.invocations.create 503': 'an invocation that cannot be dispatched is taken, then failed',
  'runtimes.invocations.wait 409': NOT_DISTURBED,
  'spaces.create 404': 'its body names nothing that could be missing',
  'spaces.environment.update 409': 'one writer at a time, the last one wins',
  'subaccounts.create 402': NO_CREDITS,
  'tools.test 503': SAID_IN_THE_ANSWER,
  'vault.secrets.upsert 404': 'a key that is not there is created',
};

/** What holds everywhere but there. */
const reachable = new Set(['browser-extensions.import 503', 'runtimes.invocations.create 429']);

/** Why an operation never answers so; undefined when it does. */
export function reasonAgainst(id, status) {
  const key = `${id} ${status}`;
  return here[key] ?? (reachable.has(key) ? undefined : everywhere[status]);
}

/** The lines above that are of no status that the contract lists: leftovers. */
export function strayReasons(operations) {
  const keys = [...operations.values()].flatMap(({ id, errors }) => errors.map((status) => `${id} ${status}`));
  const listed = new Set(keys);
  return [...Object.keys(here), ...reachable].filter((key) => !listed.has(key));
}
