import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Mcp } from '../mcp.mjs';

const SERVER = fileURLToPath(new URL('cli.js', import.meta.resolve('@playwright/mcp/package.json')));

export async function attach({ address, site, cwd }) {
  // Not isolated it would take the first page there is, which may be somebody else's.
  const mcp = await Mcp.start(SERVER, ['--cdp-endpoint', address, '--isolated', '--timeout-settle', '0'], { cwd });
  const open = () => mcp.call('browser_navigate', { url: site });
  await open();

  const evaluate = async (expression) => {
    const { text } = await mcp.call('browser_evaluate', { function: `() => ${expression}` });
    return JSON.parse(/### Result\n(.*)\n/.exec(text)[1]);
  };
  return {
    open,
    click: () => mcp.call('browser_click', { target: '#more' }),
    count: () => evaluate('Number(count.textContent)'),
    title: () => evaluate('document.title'),
    front: () => mcp.call('browser_tabs', { action: 'select', index: 0 }),
    screenshot: async () => {
      const { images } = await mcp.call('browser_take_screenshot', { scale: 'css' });
      assert.equal(images.length, 1);
      return Buffer.from(images[0].data, 'base64');
    },
    leave: async () => {
      await mcp.call('browser_close');
      await mcp.stop();
    },
    kill: () => mcp.kill(),
  };
}
