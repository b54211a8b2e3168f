import CDP from 'chrome-remote-interface';

export async function attach({ address, site }) {
  const { hostname: host, port } = new URL(address);
  const { id } = await CDP.New({ host, port });
  const client = await CDP({ host, port, target: id });
  const { Page, Runtime, Input } = client;
  await Page.enable();
  const loaded = Page.loadEventFired();
  await Page.navigate({ url: site });
  await loaded;

  const evaluate = async (expression) => {
    const { result } = await Runtime.evaluate({ expression, returnByValue: true });
    return result.value;
  };
  return {
    click: async () => {
      const { x, y } = await evaluate('more.getBoundingClientRect().toJSON()');
      for (const type of ['mousePressed', 'mouseReleased'])
        await Input.dispatchMouseEvent({ type, x: x + 5, y: y + 5, button: 'left', clickCount: 1 });
    },
    count: () => evaluate('Number(count.textContent)'),
    title: () => evaluate('document.title'),
    front: () => CDP.Activate({ host, port, id }),
    screenshot: async () => {
      const { data } = await Page.captureScreenshot();
      return Buffer.from(data, 'base64');
    },
    leave: async () => {
      await client.close();
      await CDP.Close({ host, port, id });
    },
  };
}
