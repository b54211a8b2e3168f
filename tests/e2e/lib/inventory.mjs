import { Cdp } from './cdp.mjs';

/** Everything that Chromium has, with all kinds of targets, and who is attached: what a leak would show up in. */
export async function inventory(daemon) {
  const cdp = await Cdp.connect(daemon.ws);
  const { targetInfos } = await cdp.send('Target.getTargets', { filter: [{}] });
  const { browserContextIds } = await cdp.send('Target.getBrowserContexts');
  await cdp.close();
  const rows = targetInfos.map(({ type, url, attached }) => `${type} ${url} ${attached ? 'attached' : ''}`).sort();
  return { rows, contexts: browserContextIds.length };
}
