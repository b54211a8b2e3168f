import { Local } from '../lib/local.mjs';
import { upload } from '../lib/sdk.mjs';
import { packExtension } from './crx.mjs';
import { UNKNOWN } from './refusals.mjs';

const LINE = 100; // so many invocations may wait for a runtime

// Refusals that have a reason of their own: [operation, status, code, the call(world, test)]. Each leaves the world as
// it was.

/** A fresh runtime in the world's space; stopped. */
const stopped = (w) => w.bctrl.runtimes.create({ name: `Idle ${w.next()}`, spaceId: w.space.id });

/** The run that the sample of runtimes.stop has ended. */
async function endedRun(w) {
  const { data } = await w.bctrl.runs.list({ status: ['stopped'] });
  return data[0].id;
}

async function twice(key, first, second) {
  await first({ idempotencyKey: key });
  return second({ idempotencyKey: key });
}

async function withExtension(w) {
  const { id } = await w.bctrl.browserExtensions.upload({
    file: upload(await packExtension({ name: 'Used' }), 'used.crx'),
  });
  const runtime = await w.bctrl.runtimes.create({ name: 'With it', config: { extensionIds: [id] } });
  return { id, clean: () => w.bctrl.runtimes.delete(runtime.id) };
}

/** An invocation in a line that is full. */
async function oneTooMany(w, t) {
  // Where controllers exclude each other there is no line.
  const local = await Local.start(t, { coverage: w.local.coverage, flags: ['--concurrent'] });
  const { id } = await local.bctrl.runtimes.create({});
  await local.bctrl.runtimes.start(id);
  const stagehandAction = { selector: '#never', description: 'what is not there', method: 'click' };
  const fields = { action: 'act', stagehandAction, timeoutSeconds: 60 };
  const ask = () => local.bctrl.runtimes.invocations.create(id, fields);
  const asks = async () => {
    await Promise.all(Array.from({ length: LINE }, ask));
    return ask();
  };
  return asks().finally(() => local.stop());
}

/** A runtime of a subaccount that may have none; see sdk_groups for one that may have some. */
async function startBeyondLimit(w) {
  const { id } = await w.bctrl.subaccounts.create({ name: 'Limited', limits: { maxActiveRuns: 0 } });
  const theirs = w.bctrl.with({ subaccountId: id });
  return theirs.runtimes.start((await theirs.runtimes.create({})).id);
}

const recipient = (w) => ({ type: 'email', value: `same-${w.next()}@example.com` });

const taken = (create, fields) => async (w) => {
  const made = fields(w);
  await create(w, made);
  return create(w, made);
};

export const conflicts = [
  ['runtimes.create', 404, 'space.not_found', (w) => w.bctrl.runtimes.create({ spaceId: UNKNOWN })],
  [
    'files.upload',
    404,
    'space.not_found',
    (w) => w.bctrl.files.upload({ spaceId: UNKNOWN, file: upload('x', 'x.txt') }),
  ],
  ['runtimes.files.stage', 404, 'file.not_found', (w) => w.bctrl.runtimes.files.stage(w.live.id, { fileId: UNKNOWN })],
  [
    'runtimes.files.collect',
    404,
    'runtime_file.not_found',
    (w) => w.bctrl.runtimes.files.collect(w.live.id, { runtimePath: 'no/such.txt' }),
  ],
  [
    'runtimes.human-actions.get',
    404,
    'human_action.not_found',
    async (w) => w.bctrl.runtimes.humanActions.get((await stopped(w)).id),
  ],

  [
    'runtimes.start',
    409,
    'idempotency.mismatch',
    async (w) => {
      const other = await stopped(w);
      return twice(
        `start-${w.next()}`,
        (o) => w.bctrl.runtimes.start(w.live.id, {}, o),
        (o) => w.bctrl.runtimes.start(other.id, {}, o),
      );
    },
  ],
  ['runtimes.stop', 409, 'runtime.not_active', async (w) => w.bctrl.runtimes.stop((await stopped(w)).id)],
  ['runtimes.delete', 409, 'runtime.not_stopped', (w) => w.bctrl.runtimes.delete(w.live.id)],
  [
    'runtimes.update',
    409,
    'runtime.not_stopped',
    (w) => w.bctrl.runtimes.update(w.live.id, { config: { profile: true } }),
  ],
  ['spaces.delete', 409, 'runtime.not_stopped', (w) => w.bctrl.spaces.delete(w.space.id)],
  ['runs.live', 409, 'run.live_not_active', async (w) => w.bctrl.runs.live(await endedRun(w), {})],
  [
    'runs.files.export',
    409,
    'idempotency.mismatch',
    async (w) => {
      const name = `once-${w.next()}`;
      const call = (suffix) => (o) => w.bctrl.runs.files.export(w.run.id, { name: `${name}${suffix}.zip` }, o);
      return twice(name, call(''), call('-other'));
    },
  ],

  [
    'runtimes.targets.list',
    409,
    'runtime.not_active',
    async (w) => w.bctrl.runtimes.targets.list((await stopped(w)).id),
  ],
  [
    'runtimes.targets.create',
    409,
    'runtime.not_active',
    async (w) => w.bctrl.runtimes.targets.create((await stopped(w)).id, {}),
  ],
  [
    'runtimes.targets.get',
    409,
    'runtime.not_active',
    async (w) => w.bctrl.runtimes.targets.get((await stopped(w)).id, w.target.id),
  ],
  [
    'runtimes.targets.activate',
    409,
    'runtime.not_active',
    async (w) => w.bctrl.runtimes.targets.activate((await stopped(w)).id, w.target.id),
  ],
  [
    'runtimes.targets.delete',
    409,
    'runtime.not_active',
    async (w) => w.bctrl.runtimes.targets.delete((await stopped(w)).id, w.target.id),
  ],

  [
    'runtimes.human-actions.create',
    409,
    'human_action.pending',
    async (w) => {
      const ask = () => w.bctrl.runtimes.humanActions.create(w.live.id, { message: 'Again' });
      await w.bctrl.runtimes.humanActions.cancel(w.live.id).catch(() => {});
      await ask();
      return ask().finally(() => w.bctrl.runtimes.humanActions.cancel(w.live.id));
    },
  ],
  [
    'runtimes.human-actions.complete',
    409,
    'human_action.not_pending',
    (w) => w.bctrl.runtimes.humanActions.complete(w.live.id),
  ],
  [
    'runtimes.human-actions.cancel',
    409,
    'human_action.not_pending',
    (w) => w.bctrl.runtimes.humanActions.cancel(w.live.id),
  ],

  [
    'runtimes.invocations.create',
    409,
    'runtime.not_executable',
    async (w) => w.bctrl.runtimes.invocations.create((await stopped(w)).id, { action: 'extract' }),
  ],
  ['runtimes.invocations.create', 429, 'rate_limited', oneTooMany],
  ['runtimes.start', 402, 'browser.concurrent_quota_exceeded', startBeyondLimit],

  [
    'tools.create',
    409,
    'tool.name_conflict',
    taken(
      (w, made) => w.bctrl.tools.create(made),
      (w) => ({ type: 'webhook', name: `same-${w.next()}`, url: `${w.outside.origin}/webhook` }),
    ),
  ],
  [
    'tools.update',
    409,
    'tool.name_conflict',
    async (w) => {
      const { name } = await w.bctrl.tools.create({
        type: 'webhook',
        name: `other-${w.next()}`,
        url: `${w.outside.origin}/webhook`,
      });
      return w.bctrl.tools.update(w.tool.id, { name });
    },
  ],
  [
    'toolsets.create',
    409,
    'toolset.name_conflict',
    taken(
      (w, made) => w.bctrl.toolsets.create(made),
      (w) => ({ name: `same-${w.next()}` }),
    ),
  ],
  [
    'toolsets.update',
    409,
    'toolset.name_conflict',
    async (w) => {
      const { name } = await w.bctrl.toolsets.create({ name: `other-${w.next()}` });
      return w.bctrl.toolsets.update(w.toolset.id, { name });
    },
  ],
  [
    'subaccounts.create',
    409,
    'subaccount.conflict',
    taken(
      (w, made) => w.bctrl.subaccounts.create(made),
      (w) => ({ name: 'Same', externalId: `same-${w.next()}` }),
    ),
  ],
  [
    'subaccounts.update',
    409,
    'subaccount.conflict',
    async (w) => {
      const { externalId } = await w.bctrl.subaccounts.create({ name: 'Other', externalId: `other-${w.next()}` });
      return w.bctrl.subaccounts.update(w.subaccount.id, { externalId });
    },
  ],
  [
    'browser-extensions.delete',
    409,
    'browser_extension.in_use',
    async (w) => {
      const { id, clean } = await withExtension(w);
      return w.bctrl.browserExtensions.delete(id).finally(clean);
    },
  ],
  [
    'browser-extensions.upload',
    400,
    'browser_extension.invalid_package',
    (w) => w.bctrl.browserExtensions.upload({ file: upload('no package', 'no.crx') }),
  ],
  [
    'browser-extensions.import',
    400,
    'browser_extension.invalid_package',
    (w) => w.bctrl.browserExtensions.import({ url: `${w.outside.origin}/webhook` }),
  ],
  [
    'browser-extensions.import',
    403,
    'local.unsupported',
    (w) => w.bctrl.browserExtensions.import({ url: 'https://chromewebstore.google.com/detail/x' }),
  ],
  [
    'browser-extensions.import',
    503,
    'browser_extension.source_unavailable',
    (w) => w.bctrl.browserExtensions.import({ url: 'http://127.0.0.1:9/extension.crx' }),
  ],
  [
    'notification-recipients.create',
    409,
    'notification_recipient.conflict',
    taken((w, made) => w.bctrl.notificationRecipients.create(made), recipient),
  ],
  [
    'notification-recipients.update',
    409,
    'notification_recipient.conflict',
    async (w) => {
      const { value } = await w.bctrl.notificationRecipients.create(recipient(w));
      return w.bctrl.notificationRecipients.update(w.recipient.id, { value });
    },
  ],
  [
    'proxies.delete',
    409,
    'proxy.conflict',
    async (w) => {
      const { id } = await w.bctrl.runtimes.create({ name: 'Through it', config: { proxy: w.proxy.id } });
      return w.bctrl.proxies.delete(w.proxy.id).finally(() => w.bctrl.runtimes.delete(id));
    },
  ],
  [
    'proxies.create',
    403,
    'local.unsupported',
    (w) => w.bctrl.proxies.create({ type: 'managed-rotating', pool: 'pool1', country: 'DE' }),
  ],
  [
    'vault.secrets.upsert',
    400,
    'vault.invalid_key',
    (w) => w.bctrl.vault.secrets.upsert('../escape', { type: 'value', value: 'x' }),
  ],
];
