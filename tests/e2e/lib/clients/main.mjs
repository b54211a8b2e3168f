// One client in a process of its own: main.mjs KIND '{"address", "site", …}'. It says when it has attached and counts
// its rounds, works until it is sent SIGTERM, and leaves. Any error ends it with a code that is not 0.
import assert from 'node:assert/strict';
import { pngSize } from '../pages.mjs';

const [kind, given] = process.argv.slice(2);
let over = false;
process.once('SIGTERM', () => (over = true));

async function round(client) {
  const before = await client.count();
  await client.click();
  assert.equal(await client.count(), before + 1);
  assert.equal(await client.title(), 'Bridge test page');
  await client.front?.(); // Chromium may keep a page waiting that is behind another client's
  const { width, height } = pngSize(await client.screenshot());
  assert.ok(width > 100 && height > 100, `a screenshot of ${width} × ${height}`);
}

const { attach } = await import(`./${kind}.mjs`);
const client = await attach(JSON.parse(given));
console.log('attached');
for (let rounds = 1; !over; ++rounds) {
  await round(client);
  console.log(`round ${rounds}`);
}
await client.leave();
