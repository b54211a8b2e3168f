import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Mcp } from '../mcp.mjs';

const SERVER = fileURLToPath(new URL('bin/chrome-devtools-mcp.js', import.meta.resolve('chrome-devtools-mcp')));
const ALONE = ['--no-usage-statistics', '--no-performance-crux'];

export async function attach({ address, site, cwd }) {
  const at = address.startsWith('ws') ? '--wsEndpoint' : '--browserUrl';
  const mcp = await Mcp.start(SERVER, [at, address, ...ALONE], { cwd, env: { CHROME_DEVTOOLS_MCP_NO_UPDATE_CHECKS: '1' } });
  let pageId;
  const open = async () => {
    const { text } = await mcp.call('new_page', { url: site, isolatedContext: 'mine' });
    pageId = Number(/^(\d+): .*\[selected\]/m.exec(text)[1]);
  };
  await open();

  const evaluate = async (expression) => {
    const args = { pageId, function: `() => ${expression}`, waitForStableDom: false };
    const answer = await mcp.call('evaluate_script', args);
    return JSON.parse(/```json\n(.*)\n```/.exec(answer.text)[1]);
  };
  return {
    open,
    click: async () => {
      const snapshot = await mcp.call('take_snapshot', { pageId });
      const [, uid] = /uid=(\S+) button "more"/.exec(snapshot.text);
      await mcp.call('click', { pageId, uid });
    },
    count: () => evaluate('Number(count.textContent)'),
    title: () => evaluate('document.title'),
    front: () => mcp.call('select_page', { pageId, bringToFront: true }),
    screenshot: async () => {
      const { images } = await mcp.call('take_screenshot', { pageId });
      assert.equal(images.length, 1);
      return Buffer.from(images[0].data, 'base64');
    },
    leave: async () => {
      await mcp.call('close_page', { pageId });
      await mcp.stop();
    },
    kill: () => mcp.kill(),
  };
}
