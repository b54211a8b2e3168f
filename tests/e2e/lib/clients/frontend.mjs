import assert from 'node:assert/strict';
import { Cdp } from '../cdp.mjs';
import { eventually } from '../eventually.mjs';

const BLUE = [29, 78, 216]; // the background of the page
const SDK = 'devtools://devtools/bundled/core/sdk/sdk.js';

// Runs in the front end, whose views are shadow trees in shadow trees.
const LOOK = `
  function* below(node) {
    yield node;
    if (node.shadowRoot) yield* below(node.shadowRoot);
    for (const child of node.childNodes) yield* below(child);
  }
  const all = (selector) => [...below(document)].filter((node) => node.matches?.(selector));
  const plain = (row) => row.textContent.replaceAll('\\u200b', '');
  const tree = () => all('.elements-tree-outline li').map(plain).join('\\n');
  const screencast = () => all('canvas')[0];`;

/** The DevTools front end, as a page of another browser; `browser` is where that one is driven from. */
export async function attach({ address, site, browser }) {
  const page = await (await fetch(`${address}/json/new?${site}`, { method: 'PUT' })).json();
  const client = await inspect(page, browser);
  const leave = async () => {
    await client.leave();
    await fetch(`${address}/json/close/${page.id}`);
  };
  return { ...client, leave };
}

/** The same on a page that is there already, as /json/list shows it. */
export async function inspect({ webSocketDebuggerUrl }, browser) {
  const cdp = await Cdp.connect(browser);
  const url = `devtools://devtools/bundled/inspector.html?${webSocketDebuggerUrl.replace('://', '=')}`;
  const { targetId } = await cdp.send('Target.createTarget', { url });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });

  const evaluate = async (expression) => {
    const params = { expression: `{${LOOK}\n${expression}}`, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await cdp.send('Runtime.evaluate', params, sessionId);
    assert.equal(exceptionDetails, undefined);
    return result.value;
  };
  const count = () =>
    eventually(
      async () => {
        const shown = await evaluate('tree()');
        const [, number] = shown.match(/<output id="count">(\d+)<\/output>/) ?? assert.fail(`the tree: ${shown}`);
        return Number(number);
      },
      { within: 60_000 }, // it is a large program
    );
  const screenshot = () =>
    eventually(async () => {
      const middle = 'screencast().width / 2, screencast().height / 2, 1, 1';
      const pixel = await evaluate(`[...screencast().getContext('2d').getImageData(${middle}).data]`);
      BLUE.forEach((part, i) => assert.ok(Math.abs(part - pixel[i]) < 8, `${pixel} is not ${BLUE}`)); // it is a JPEG
      const image = await evaluate('screencast().toDataURL()');
      return Buffer.from(image.split(',')[1], 'base64');
    });
  await count();
  return {
    /** On the picture of the page, where the button is. */
    click: async () => {
      await screenshot();
      const before = await count();
      const { x, y } = await evaluate('screencast().getBoundingClientRect().toJSON()');
      for (const type of ['mousePressed', 'mouseReleased']) {
        const params = { type, x: x + 12, y: y + 7, button: 'left', clickCount: 1 };
        await cdp.send('Input.dispatchMouseEvent', params, sessionId);
      }
      await eventually(async () => assert.notEqual(await count(), before));
    },
    /** In the tree of elements. */
    count,
    title: () =>
      evaluate(`import('${SDK}').then(async ({ TargetManager }) => {
        const page = TargetManager.TargetManager.instance().primaryPageTarget();
        const { result } = await page.runtimeAgent().invoke_evaluate({ expression: 'document.title' });
        return result.value;
      })`),
    screenshot,
    leave: async () => {
      await cdp.send('Target.closeTarget', { targetId });
      await cdp.close();
    },
  };
}
