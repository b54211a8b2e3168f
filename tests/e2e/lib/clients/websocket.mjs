import { Cdp } from '../cdp.mjs';

export async function attach({ address, site }) {
  const cdp = await Cdp.connect(address);
  const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank', newWindow: true });
  const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method, params) => cdp.send(method, params, sessionId);
  await send('Page.enable');
  await send('Page.navigate', { url: site });
  await cdp.event('Page.loadEventFired');

  const evaluate = async (expression) => {
    const { result } = await send('Runtime.evaluate', { expression, returnByValue: true });
    return result.value;
  };
  return {
    click: async () => {
      const { x, y } = await evaluate('more.getBoundingClientRect().toJSON()');
      for (const type of ['mousePressed', 'mouseReleased'])
        await send('Input.dispatchMouseEvent', { type, x: x + 5, y: y + 5, button: 'left', clickCount: 1 });
    },
    count: () => evaluate('Number(count.textContent)'),
    title: () => evaluate('document.title'),
    front: () => send('Page.bringToFront'),
    screenshot: async () => {
      const { data } = await send('Page.captureScreenshot');
      return Buffer.from(data, 'base64');
    },
    leave: async () => {
      await cdp.send('Target.closeTarget', { targetId });
      await cdp.close();
    },
  };
}
