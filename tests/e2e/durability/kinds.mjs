import { upload } from '../lib/sdk.mjs';

// The kinds of things that are written, for a Ledger. `bctrl` is a function: each life of the backend has its own.

async function listed(iterable, value, mine = () => true) {
  const all = [];
  for await (const one of iterable) if (mine(one)) all.push({ id: one.id ?? one.key, value: await value(one) });
  return all;
}

const named = (group, extra = {}) => ({
  // Not what the backend has from the beginning, such as the default space.
  list: () =>
    listed(
      group().iter({ limit: 100 }),
      ({ name }) => name,
      ({ name }) => name?.startsWith('w-'),
    ),
  create: async (name) => (await group().create({ name, ...extra })).id,
  change: (id, name) => group().update(id, { name }),
  remove: (id) => group().delete(id),
});

export function kindsOf(bctrl) {
  return {
    spaces: named(() => bctrl().spaces),
    runtimes: named(() => bctrl().runtimes),
    toolsets: named(() => bctrl().toolsets),
    tools: named(() => bctrl().tools, { type: 'webhook', url: 'http://127.0.0.1:9/' }),
    'ai credentials': named(() => bctrl().ai.credentials, { provider: 'custom', baseUrl: 'http://127.0.0.1:9/v1' }),
    proxies: named(() => bctrl().proxies, { type: 'custom', protocol: 'http', host: '127.0.0.1', port: 9 }),
    recipients: {
      ...named(() => bctrl().notificationRecipients),
      create: async (name) =>
        (await bctrl().notificationRecipients.create({ type: 'email', value: `${name}@example.com`, name })).id,
    },
    secrets: {
      list: () =>
        listed(
          bctrl().vault.secrets.iter({ limit: 100 }),
          async ({ key }) => (await bctrl().vault.secrets.value(key)).value,
        ),
      create: async (value) => (await bctrl().vault.secrets.upsert(`work/${value}`, { type: 'value', value })).key,
      change: (key, value) => bctrl().vault.secrets.update(key, { value }),
      remove: (key) => bctrl().vault.secrets.delete(key),
    },
    // The bytes are the value, which does not change: a blob that is half there is not there.
    files: {
      list: () =>
        listed(bctrl().files.iter({ limit: 100 }), async ({ id }) =>
          String(await bctrl().files.content(id))
            .slice(0, 40)
            .trim(),
        ),
      create: async (value) => {
        const content = value.padEnd(40) + 'x'.repeat(20_000);
        return (await bctrl().files.upload({ file: upload(content, `${value}.txt`), path: `${value}.txt` })).id;
      },
      remove: (id) => bctrl().files.delete(id),
    },
  };
}
