import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { packExtension } from './contract/crx.mjs';
import { serveOutside } from './contract/outside.mjs';
import { operations } from './lib/contract.mjs';
import { Local } from './lib/local.mjs';
import { servePages } from './lib/pages.mjs';
import { ApiError, upload } from './lib/sdk.mjs';

// The platform groups as a user of BCTRL's SDK writes them.

async function refusal(call) {
  const error = await call.then(
    () => assert.fail('it was granted'),
    (reason) => reason,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

/** RFC 6238 with its defaults, from a base32 secret. */
function totp(secret, now) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const hash = createHmac('sha1', key).update(counter).digest();
  const code = (hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff) % 1_000_000;
  return String(code).padStart(6, '0');
}

test('the platform groups', async (t) => {
  const local = await Local.start(t);
  const { bctrl, sandbox } = local;
  const outside = await serveOutside(t);

  await t.test('vault: secrets in, values and codes out', async () => {
    const login = {
      type: 'login',
      username: 'ada',
      password: 'e2e-secret-password-1',
      totpSecret: 'JBSWY3DPEHPK3PXP',
      origins: ['https://example.com'],
    };
    sandbox.secrets.add(login.password, 'a password of the vault');
    sandbox.secrets.add(login.totpSecret, 'a TOTP secret');
    const key = 'shops/example.com/ada';
    const put = await bctrl.vault.secrets.upsert(key, login);
    assert.deepEqual({ key: put.key, type: put.type, hasTotp: put.hasTotp }, { key, type: 'login', hasTotp: true });
    const codes = [totp(login.totpSecret, Date.now())];
    const { code } = await bctrl.vault.secrets.totp(key);
    codes.push(totp(login.totpSecret, Date.now()));
    assert.ok(codes.includes(code), 'the code of this half minute');
    const value = await bctrl.vault.secrets.value(key);
    assert.deepEqual([value.username, value.password], ['ada', login.password]);
    await bctrl.vault.secrets.upsert('plain', { type: 'value', value: 'e2e-secret-value-1' });
    sandbox.secrets.add('e2e-secret-value-1', 'a value of the vault');
    const keys = async (query) => (await bctrl.vault.secrets.list(query)).data.map((one) => one.key);
    assert.deepEqual(await keys({ prefix: 'shops/' }), [key]);
    assert.deepEqual(await keys({ hasTotp: false }), ['plain']);
    assert.deepEqual(await keys({ origin: 'https://example.com' }), [key]);
    assert.equal((await bctrl.vault.secrets.update(key, { totpSecret: null, label: 'Ada' })).hasTotp, false);
    assert.equal((await refusal(bctrl.vault.secrets.totp(key))).status, 404);
    assert.deepEqual(await bctrl.vault.secrets.delete(key), { key, deleted: true });
    assert.equal((await refusal(bctrl.vault.secrets.value(key))).code, 'vault.secrets.not_found');
  });

  await t.test('tools: a webhook is called for real, and the call is written down', async () => {
    const tool = await bctrl.tools.create({
      type: 'webhook',
      name: 'echo',
      url: `${outside.origin}/webhook`,
      inputSchema: { type: 'object' },
    });
    const tried = await bctrl.tools.test(tool.id, { input: { word: 'hello' }, record: true });
    assert.deepEqual([tried.ok, JSON.stringify(tried.output).includes('hello')], [true, true]);
    await bctrl.tools.test(tool.id, { input: {}, record: false });
    const { data } = await bctrl.toolCalls.list({ toolId: tool.id, actor: 'test' });
    assert.deepEqual(
      data.map(({ status, tool: { name } }) => [status, name]),
      [['succeeded', 'echo']],
    );
    assert.equal((await bctrl.toolCalls.get(data[0].id)).id, data[0].id);
    const set = await bctrl.toolsets.create({ name: 'all', toolIds: [tool.id], builtins: ['files'] });
    assert.deepEqual((await bctrl.toolsets.get(set.id)).toolIds, [tool.id]);
    assert.equal((await bctrl.tools.update(tool.id, { status: 'disabled' })).status, 'disabled');
    const hosted = await bctrl.tools.create({ type: 'hosted', name: 'code', source: 'export default () => 1' });
    assert.equal((await bctrl.tools.test(hosted.id, { input: {} })).ok, false, 'no code is run here, and that is said');
    await bctrl.toolsets.delete(set.id);
    await bctrl.tools.delete(tool.id);
    assert.equal((await refusal(bctrl.tools.get(tool.id))).code, 'tool.not_found');
  });

  await t.test('ai: a credential is tried for real and its key is never shown', async () => {
    const apiKey = 'sk-e2e-model-key-123';
    sandbox.secrets.add(apiKey, 'a key of a model');
    const made = await bctrl.ai.credentials.create({
      provider: 'custom',
      name: 'Here',
      apiKey,
      baseUrl: `${outside.origin}/v1`,
      defaultModel: 'tiny',
    });
    assert.equal(made.hasApiKey, true);
    assert.ok(!JSON.stringify(made).includes(apiKey));
    assert.equal((await bctrl.ai.credentials.test(made.id)).ok, true);
    await bctrl.ai.credentials.update(made.id, { baseUrl: 'http://127.0.0.1:9/v1' });
    const failed = await bctrl.ai.credentials.test(made.id);
    assert.deepEqual([failed.ok, typeof failed.error], [false, 'string']);
    await bctrl.ai.models.list();
    await bctrl.ai.credentials.delete(made.id);
    assert.equal((await refusal(bctrl.ai.credentials.get(made.id))).code, 'ai_credential.not_found');
  });

  await t.test('proxies: one of your own is tried for real, one of the cloud is refused', async () => {
    const password = 'e2e-proxy-password-1';
    sandbox.secrets.add(password, 'a password of a proxy');
    const made = await bctrl.proxies.create({
      type: 'custom',
      name: 'Here',
      protocol: 'http',
      host: outside.host,
      port: outside.port,
      username: 'ada',
      password,
    });
    assert.equal(made.hasPassword, true);
    assert.ok(!JSON.stringify(made).includes(password));
    assert.equal((await bctrl.proxies.test(made.id)).ok, false, 'it lets nobody out');
    await bctrl.proxies.update(made.id, { port: 9 });
    assert.equal((await bctrl.proxies.test(made.id)).ok, false);
    const refused = await refusal(bctrl.proxies.create({ type: 'managed-static', poolId: 'p1' }));
    assert.deepEqual([refused.status, refused.code], [403, 'local.unsupported']);
    assert.deepEqual((await bctrl.proxies.pools.list()).data, []);
    const user = await bctrl.runtimes.create({ config: { proxy: made.id } });
    assert.equal(user.config.proxy.id, made.id);
    assert.ok(!JSON.stringify(user).includes(password));
    await bctrl.runtimes.delete(user.id);
    await bctrl.proxies.delete(made.id);
  });

  await t.test('proxies: a runtime whose proxy cannot be had never goes out without one', async () => {
    const start = async (proxy) => bctrl.runtimes.start((await bctrl.runtimes.create({ config: { proxy } })).id);
    const managed = await refusal(start({ type: 'managed-rotating', pool: 'pool1', country: 'DE' }));
    assert.deepEqual([managed.status, managed.code], [403, 'local.unsupported']);
    assert.ok([403, 404].includes((await refusal(start({ id: 'no-such-proxy', pool: 'pool1' }))).status));
    assert.equal((await refusal(start('no-such-proxy'))).code, 'proxy.not_found');
  });

  await t.test('browser extensions: uploaded, loaded into a page, in use', async () => {
    const pages = await servePages(t);
    const made = await bctrl.browserExtensions.upload({
      file: upload(await packExtension({ name: 'Marker' }), 'marker.crx'),
      name: 'Marker',
    });
    assert.deepEqual([made.name, made.version, made.format], ['Marker', '1.2.3', 'crx']);
    const runtime = await bctrl.runtimes.create({ name: 'with extension', config: { extensionIds: [made.id] } });
    const { connectUrl } = await bctrl.runtimes.start(runtime.id);
    const browser = await chromium.connectOverCDP(connectUrl);
    const [page] = browser.contexts()[0].pages();
    await page.goto(pages);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.extension), 'loaded');
    await browser.close();
    await bctrl.runtimes.stop(runtime.id);
    assert.equal((await refusal(bctrl.browserExtensions.delete(made.id))).code, 'browser_extension.in_use');
    await bctrl.runtimes.delete(runtime.id);
    await bctrl.browserExtensions.delete(made.id);
  });

  await t.test('account: keys shown once, subaccounts acted for, usage, help', async () => {
    const { data, secret } = await bctrl.apiKeys.create({ name: 'CI' });
    assert.ok(secret.startsWith(data.keyPrefix));
    const mine = bctrl.with({ apiKey: secret });
    assert.equal((await mine.auth.whoami()).keyId, data.id);
    assert.ok(!JSON.stringify(await bctrl.apiKeys.list()).includes(secret));
    await bctrl.apiKeys.delete(data.id);
    assert.equal((await refusal(mine.auth.whoami())).status, 401);

    const tenant = await bctrl.subaccounts.create({
      name: 'Tenant',
      externalId: 'tenant-1',
      limits: { maxActiveRuns: 1 },
    });
    const acting = bctrl.with({ subaccountId: tenant.id });
    assert.equal((await acting.auth.whoami()).effectiveScope.subaccountId, tenant.id);
    const theirs = await acting.spaces.create({ name: 'Theirs' });
    assert.equal(theirs.subaccountId, tenant.id);
    const two = [await acting.runtimes.create({ name: 'one' }), await acting.runtimes.create({ name: 'two' })];
    await acting.runtimes.start(two[0].id);
    assert.equal((await refusal(acting.runtimes.start(two[1].id))).status, 402, 'its limit of active runs');
    await acting.runtimes.stop(two[0].id);
    const { data: usages } = await bctrl.subaccounts.usage.list();
    assert.ok(usages.some(({ subaccountId }) => subaccountId === tenant.id));
    assert.deepEqual(await bctrl.subaccounts.archive(tenant.id), { id: tenant.id, archived: true });
    assert.equal((await bctrl.subaccounts.get(tenant.id)).status, 'archived');
    assert.equal((await refusal(bctrl.with({ subaccountId: 'nobody' }).spaces.list())).code, 'subaccount.not_found');

    assert.equal((await bctrl.usage.get()).isBlocked, false);
    const overview = await bctrl.help();
    assert.equal(overview.type, 'overview');
    const topic = await bctrl.help({ topic: 'runtimes.start' });
    assert.deepEqual([topic.type, topic.api.path], ['topic', '/v1/runtimes/{runtimeId}/start']);
    for (const { id, method, path } of operations.values()) {
      const { api } = await bctrl.help({ topic: id });
      assert.deepEqual([api.method, api.path], [method, path], id);
    }
  });

  await t.test('notification recipients', async () => {
    const made = await bctrl.notificationRecipients.create({ type: 'email', value: 'ada@example.com', name: 'Ada' });
    assert.equal(made.enabled, true);
    assert.equal((await bctrl.notificationRecipients.update(made.id, { enabled: false })).enabled, false);
    assert.deepEqual((await bctrl.notificationRecipients.list({ enabled: true })).data, []);
    await bctrl.notificationRecipients.delete(made.id);
    assert.deepEqual((await bctrl.notificationRecipients.list()).data, []);
  });

  await local.stop();
});
