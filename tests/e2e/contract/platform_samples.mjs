import { upload } from '../lib/sdk.mjs';
import { packExtension } from './crx.mjs';

// One good call of every operation of the platform groups; see core_samples.mjs.

const named = (w, word) => `${word}-${w.next()}`;
const webhook = (w, name) => ({
  type: 'webhook',
  name,
  url: `${w.outside.origin}/webhook`,
  inputSchema: { type: 'object' },
});
const login = {
  type: 'login',
  username: 'ada',
  password: 'e2e-vault-password',
  totpSecret: 'JBSWY3DPEHPK3PXP',
  origins: ['https://example.com'],
};
const custom = (w) => ({
  type: 'custom',
  name: named(w, 'Proxy'),
  protocol: 'http',
  host: w.outside.host,
  port: w.outside.port,
});
const openai = (w) => ({
  provider: 'custom',
  name: named(w, 'Model'),
  apiKey: 'sk-e2e-model-key',
  baseUrl: `${w.outside.origin}/v1`,
  defaultModel: 'tiny',
});

const spare = {
  credential: (w) => w.bctrl.ai.credentials.create(openai(w)),
  key: async (w) => (await w.bctrl.apiKeys.create({ name: named(w, 'Spare') })).data,
  extension: async (w) =>
    w.bctrl.browserExtensions.upload({ file: upload(await packExtension({ name: named(w, 'Spare') }), 'spare.crx') }),
  recipient: (w) => w.bctrl.notificationRecipients.create({ type: 'email', value: `${named(w, 'spare')}@example.com` }),
  proxy: (w) => w.bctrl.proxies.create(custom(w)),
  tool: (w) => w.bctrl.tools.create(webhook(w, named(w, 'spare'))),
  toolset: (w) => w.bctrl.toolsets.create({ name: named(w, 'spare') }),
  subaccount: (w) => w.bctrl.subaccounts.create({ name: named(w, 'Spare') }),
  secret: async (w) => {
    const key = named(w, 'work/spare');
    await w.bctrl.vault.secrets.upsert(key, { type: 'value', value: 'e2e-vault-value' });
    return { key };
  },
};
const idOf = (what) => async (w) => [(await spare[what](w)).id];

export const platformSamples = {
  'auth.whoami': {},
  help: { fields: () => ({ topic: 'runtimes.start', audience: 'api' }) },
  'usage.get': {},

  'api-keys.create': {
    fields: (w) => ({ name: named(w, 'Contract'), scopes: ['*'] }),
    keep: (w, { data }) => (w.key = data),
  },
  'api-keys.list': { fields: () => ({ type: 'organization' }) },
  'api-keys.delete': { ids: idOf('key') },

  'subaccounts.create': {
    fields: (w) => ({
      name: 'Contract',
      externalId: named(w, 'ext'),
      limits: { maxActiveRuns: 3 },
      metadata: { tier: 'a' },
    }),
    keep: (w, body) => (w.subaccount = body),
  },
  'subaccounts.list': { fields: () => ({ include: ['usage'], status: 'active' }) },
  'subaccounts.get': { ids: (w) => [w.subaccount.id], fields: () => ({ include: ['usage'] }) },
  'subaccounts.update': {
    ids: (w) => [w.subaccount.id],
    fields: () => ({ name: 'Renamed', limits: { maxSpaces: 5 } }),
  },
  'subaccounts.usage.list': {},
  'subaccounts.archive': { ids: idOf('subaccount') },

  'ai.credentials.create': { fields: openai, keep: (w, body) => (w.credential = body) },
  'ai.credentials.list': { fields: () => ({ provider: 'custom', status: 'enabled' }) },
  'ai.credentials.get': { ids: (w) => [w.credential.id] },
  'ai.credentials.update': { ids: (w) => [w.credential.id], fields: () => ({ name: 'Renamed', defaultModel: 'tiny' }) },
  'ai.credentials.test': { ids: (w) => [w.credential.id] },
  'ai.credentials.delete': { ids: idOf('credential') },
  'ai.models.list': { fields: () => ({ managed: false }) },

  'vault.secrets.upsert': {
    ids: () => ['work/site'],
    fields: () => ({ ...login, label: 'Site' }),
    keep: (w) => (w.secret = 'work/site'),
  },
  'vault.secrets.list': { fields: () => ({ prefix: 'work/', hasTotp: true }) },
  'vault.secrets.get': { ids: (w) => [w.secret] },
  'vault.secrets.update': { ids: (w) => [w.secret], fields: () => ({ label: 'Renamed', notes: null }) },
  'vault.secrets.totp': { ids: (w) => [w.secret] },
  'vault.secrets.value': { ids: (w) => [w.secret] },
  'vault.secrets.delete': { ids: async (w) => [(await spare.secret(w)).key] },

  'tools.create': { fields: (w) => webhook(w, named(w, 'contract')), keep: (w, body) => (w.tool = body) },
  'tools.list': { fields: () => ({ spaceId: 'default' }) },
  'tools.get': { ids: (w) => [w.tool.id] },
  'tools.update': { ids: (w) => [w.tool.id], fields: () => ({ description: 'Echoes', timeoutSeconds: 5 }) },
  'tools.test': { ids: (w) => [w.tool.id], fields: () => ({ input: { word: 'hello' }, record: true }) },
  'tools.delete': { ids: idOf('tool') },

  'toolsets.create': {
    fields: (w) => ({ name: named(w, 'contract'), builtins: ['files'], toolIds: [w.tool.id] }),
    keep: (w, body) => (w.toolset = body),
  },
  'toolsets.list': { fields: () => ({ spaceId: 'default' }) },
  'toolsets.get': { ids: (w) => [w.toolset.id] },
  'toolsets.update': { ids: (w) => [w.toolset.id], fields: () => ({ builtins: ['files', 'vault'] }) },
  'toolsets.delete': { ids: idOf('toolset') },

  'tool-calls.list': { fields: (w) => ({ toolId: w.tool.id }), keep: (w, { data }) => (w.toolCall = data[0]) },
  'tool-calls.get': { ids: (w) => [w.toolCall.id] },

  'notification-recipients.create': {
    fields: (w) => ({ type: 'email', value: `${named(w, 'ada')}@example.com`, name: 'Ada' }),
    keep: (w, body) => (w.recipient = body),
  },
  'notification-recipients.list': { fields: () => ({ type: 'email', enabled: true }) },
  'notification-recipients.update': { ids: (w) => [w.recipient.id], fields: () => ({ enabled: false, name: null }) },
  'notification-recipients.delete': { ids: idOf('recipient') },

  'browser-extensions.upload': {
    fields: async (w) => ({
      file: upload(await packExtension({ name: named(w, 'Contract') }), 'contract.crx'),
      name: 'Contract',
    }),
    keep: (w, body) => (w.extension = body),
  },
  'browser-extensions.import': { fields: (w) => ({ url: `${w.outside.origin}/extension.crx`, name: 'Imported' }) },
  'browser-extensions.list': { fields: () => ({ q: 'Contract', format: 'crx', source: 'upload' }) },
  'browser-extensions.get': { ids: (w) => [w.extension.id] },
  'browser-extensions.update': { ids: (w) => [w.extension.id], fields: () => ({ name: 'Renamed' }) },
  'browser-extensions.delete': { ids: idOf('extension') },

  'proxies.create': { fields: custom, keep: (w, body) => (w.proxy = body) },
  'proxies.list': {},
  'proxies.get': { ids: (w) => [w.proxy.id] },
  'proxies.update': {
    ids: (w) => [w.proxy.id],
    fields: () => ({ name: 'Renamed', username: 'ada', password: 'e2e-proxy-password' }),
  },
  'proxies.test': { ids: (w) => [w.proxy.id] },
  'proxies.delete': { ids: idOf('proxy') },
  'proxies.geo.list': { fields: () => ({ query: 'ber', type: 'city' }) },
  'proxies.locations.list': { fields: () => ({ country: 'DE', pool: 'pool1' }) },
  'proxies.pools.list': { fields: () => ({ category: 'retail', available: true }) },
  'proxies.pools.get': { ids: () => ['pool-1'] },
};
