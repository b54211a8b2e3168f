import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { Chromium } from './lib/chromium.mjs';
import { Daemon } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { HostilePage, serveFriend } from './lib/hostile.mjs';

// A browser that leaves all of the defence to the server, as most versions in use do: newer ones ask their user before
// a page reaches this machine.
const FLAGS = [
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
  '--disable-popup-blocking',
  '--host-resolver-rules=MAP rebind.example 127.0.0.1',
];
const DOCUMENTS = ['frame', 'object', 'form GET', 'form POST', 'popup', 'sandboxed'];
const UNREADABLE = ['beacon', 'prefetch', 'video', 'frame', 'object', 'form GET', 'form POST', 'popup'];
const FOREIGN_HOST = 'Host header is specified and is not an IP address or localhost.';

/** Two tabs of a browser, one behind the other, and which targets come and go from then on. */
async function watch(address) {
  const cdp = await Cdp.connect(address);
  const tab = async () => {
    const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
    const look = { expression: 'document.visibilityState' };
    return { targetId, visibility: async () => (await cdp.send('Runtime.evaluate', look, sessionId)).result.value };
  };
  const [back, front] = [await tab(), await tab()];
  const visible = async () => [await back.visibility(), await front.visibility()];
  await eventually(async () => assert.deepEqual(await visible(), ['hidden', 'visible']));
  const filter = [{ type: 'browser_ui', exclude: true }, {}]; // Chromium's own windows come when they like
  await cdp.send('Target.setDiscoverTargets', { discover: true, filter });
  cdp.events.length = 0;
  const comings = () => cdp.events.filter(({ method }) => /^Target.target(Created|Destroyed)$/.test(method));
  return { cdp, visible, victim: back.targetId, comings };
}

test('a web page neither changes nor reads anything through the local ports', async (t) => {
  const friend = await serveFriend(t);
  const chromium = await Chromium.start(t, { flags: FLAGS });
  const sameSite = await HostilePage.open(chromium, 'http://127.0.0.1:8080/', friend);
  const ways = await sameSite.ways();
  // A document takes its time: those that make one may be given fewer addresses.
  const inEveryWay = (addresses, forDocuments = addresses) =>
    ways.map((way) => ({ way, addresses: DOCUMENTS.includes(way) ? forDocuments : addresses }));

  await t.test('where it may it reads, and a bare debugging port lets it close and activate tabs', async (t) => {
    const read = await sameSite.attack(inEveryWay([friend]));
    assert.deepEqual(
      read.map(({ way }) => way),
      ways.filter((way) => !UNREADABLE.includes(way) && !way.endsWith('no-cors')),
    );

    const bare = await Chromium.start(t, { flags: ['--renderer-process-limit=1'] });
    const { cdp, visible, victim } = await watch(bare.ws);
    await sameSite.attack([{ way: 'image', addresses: [`${bare.http}/json/activate/${victim}`] }]);
    await eventually(async () => assert.deepEqual(await visible(), ['visible', 'hidden']));

    const tabs = await Promise.all(ways.map(() => cdp.send('Target.createTarget', { url: 'about:blank' })));
    const each = ways.map((way, i) => ({ way, addresses: [`${bare.http}/json/close/${tabs[i].targetId}`] }));
    await sameSite.attack(each);
    await eventually(async () => {
      const { targetInfos } = await cdp.send('Target.getTargets');
      const left = ways.filter((way, i) => targetInfos.some(({ targetId }) => targetId === tabs[i].targetId));
      assert.deepEqual(left, ['WebSocket'], 'every way but one closes a tab');
    });
    await cdp.close();
    await bare.kill();
  });

  const daemon = await Daemon.start(t);
  await daemon.ask('up', 'main');
  const { cdp, visible, victim, comings } = await watch(daemon.ws);
  const { pathname } = new URL(daemon.ws);
  const acts = ['/json/new?about:blank', `/json/activate/${victim}`, `/json/close/${victim}`];
  const attaches = ['/devtools/browser', pathname, `/devtools/page/${victim}`];
  const tells = ['/', '/json', '/json/list', '/json/version', '/json/protocol'];
  const below = (base, paths) => paths.map((path) => base + path);

  const nothingHappened = async () => {
    assert.deepEqual(comings(), []);
    assert.deepEqual(await visible(), ['hidden', 'visible']);
    assert.equal((await daemon.bridge()).clients, 1, 'the one that watches');
  };

  await t.test('a page of the same machine gets nowhere with any request', async () => {
    const main = below(daemon.http, [...acts, ...attaches, ...tells]);
    const service = [
      ...below(`${daemon.service}/b/main`, [...acts, ...attaches, ...tells]),
      ...below(daemon.service, ['/', '/livez', '/readyz']),
    ];
    const plan = inEveryWay([...main, ...service], [...main, ...below(`${daemon.service}/b/main`, acts)]);
    assert.deepEqual(await sameSite.attack(plan), []);
    await nothingHappened();
  });

  await t.test('a page of another site gets nowhere either', async () => {
    const page = await HostilePage.open(chromium, 'http://evil.example/', friend);
    const plan = inEveryWay(below(daemon.http, [...acts, ...attaches]), below(daemon.http, acts));
    assert.deepEqual(await page.attack(plan), []);
    await nothingHappened();
    await page.close();
  });

  await t.test('a name that resolves to this machine reads a refusal of every route and nothing else', async () => {
    const origin = daemon.http.replace('127.0.0.1', 'rebind.example');
    const page = await HostilePage.open(chromium, `${origin}/`, friend);
    const plan = inEveryWay(below(origin, [...acts, ...attaches, ...tells]), below(origin, [...acts, '/json/list']));
    const read = await page.attack(plan);
    assert.notEqual(read.length, 0);
    assert.deepEqual(read.filter(({ text }) => !['', FOREIGN_HOST].includes(text)), []);
    await nothingHappened();
    await page.close();
  });

  await cdp.close();
  await sameSite.close();
  await daemon.quiet();
  await daemon.stop();
  await chromium.kill();
});
