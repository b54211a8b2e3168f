// Error statuses that the contract lists and that nothing but an injected fault brings about here, with the reason. A
// test fails when one of them is seen without a fault: then its line is wrong and goes.

const NOBODY_PAYS = 'nothing costs anything on your own machine';
const NO_LIMIT = 'a local backend limits no rate';
const NO_BUG = 'a 500 would be a bug';
const ALL_HERE = 'browser, disk and viewer are of this machine: only their breakdown brings it about';

/** For every operation. */
export const unreachable = { 402: NOBODY_PAYS, 429: NO_LIMIT, 500: NO_BUG, 503: ALL_HERE };

/** For one: "operation status". */
export const unreachableHere = {
  'ai.credentials.create 409': 'names of credentials need not differ',
  'ai.credentials.update 409': 'names of credentials need not differ',
  'notification-recipients.create 409': 'the same address may be told twice',
  'notification-recipients.update 409': 'the same address may be told twice',
  'proxies.create 409': 'names of proxies need not differ',
  'proxies.update 409': 'names of proxies need not differ',
  'proxies.delete 409': 'a runtime that names a deleted proxy says so when it starts',
  'spaces.environment.update 409': 'one writer at a time, the last one wins',
  'runtimes.human-actions.wait 409': 'waiting disturbs nobody',
  'runtimes.invocations.cancel 409': 'an invocation that has ended is answered as it is',
  'runtimes.invocations.wait 409': 'waiting disturbs nobody',
  'spaces.create 404': 'its body names nothing that could be missing',
};
