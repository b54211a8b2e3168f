import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { crx, zip } from './lib/archives.mjs';
import { Daemon, LOCAL_KEY } from './lib/daemon.mjs';
import { eventually } from './lib/eventually.mjs';
import { servePages } from './lib/pages.mjs';

/** What the local backend answers to a form with a file: {status, body}. */
async function upload(daemon, path, bytes, name, fields = {}) {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append('file', new Blob([bytes]), name);
  const reply = await fetch(new URL(path, daemon.backend), {
    method: 'POST',
    headers: { authorization: `Bearer ${LOCAL_KEY}` },
    body: form,
  });
  return { status: reply.status, body: await reply.json() };
}

async function content(file, headers = {}) {
  const reply = await fetch(file.downloadUrl, { headers: { authorization: `Bearer ${LOCAL_KEY}`, ...headers } });
  return { status: reply.status, headers: reply.headers, bytes: Buffer.from(await reply.arrayBuffer()) };
}

async function ok(call) {
  const { status, body } = await call;
  assert.ok(status < 300, `${status}: ${JSON.stringify(body)}`);
  return body;
}

/** A browser on a new runtime's connectUrl, and the runtime. */
async function drive(daemon, config = {}) {
  const runtime = await ok(daemon.rest('POST', '/v1/runtimes', { config }));
  const run = await ok(daemon.rest('POST', `/v1/runtimes/${runtime.id}/start`));
  const browser = await chromium.connectOverCDP(run.connectUrl);
  return { runtime, run, browser, page: browser.contexts()[0].pages()[0] };
}

const MANIFEST = {
  manifest_version: 3,
  name: 'Marker',
  version: '1.0',
  background: { service_worker: 'worker.js' },
  content_scripts: [{ matches: ['<all_urls>'], js: ['mark.js'], run_at: 'document_start' }],
};
const EXTENSION = zip({
  'manifest.json': JSON.stringify(MANIFEST),
  'mark.js': 'document.documentElement.dataset.markedBy = chrome.runtime.id;',
  'worker.js': '',
});

test('an uploaded extension runs in the pages of the runtimes that have it, and in no others', async (t) => {
  const daemon = await Daemon.start(t);
  const url = await servePages(t);
  const packed = crx(EXTENSION);
  const extension = await ok(upload(daemon, '/v1/browser-extensions/upload', packed.crx, 'marker.crx'));
  assert.equal(extension.name, 'Marker');

  const markOf = async (config) => {
    const { runtime, browser, page } = await drive(daemon, config);
    await page.goto(url);
    const mark = await page.evaluate(() => document.documentElement.dataset.markedBy);
    await browser.close();
    await ok(daemon.rest('POST', `/v1/runtimes/${runtime.id}/stop`));
    return mark;
  };
  assert.equal(await markOf({ extensionIds: [extension.id] }), packed.id, 'it keeps the id of its key');
  assert.equal(await markOf({}), undefined);

  const unpacked = await ok(upload(daemon, '/v1/browser-extensions/upload', EXTENSION, 'marker.zip'));
  assert.match(await markOf({ extensionIds: [unpacked.id] }), /^[a-p]{32}$/, 'a ZIP is as good');
  await daemon.stop();
});

test('a file goes into a page from the workspace, and what lies in the workspace comes out as an archive', async (t) => {
  const daemon = await Daemon.start(t);
  const { runtime, run, browser, page } = await drive(daemon);
  const staged = await ok(upload(daemon, `/v1/runtimes/${runtime.id}/files/upload`, 'to be sent', 'letter.txt'));
  const localPath = join((await daemon.counts()).workspace, staged.runtimePath);
  assert.equal(readFileSync(localPath, 'utf8'), 'to be sent');
  await page.setContent('<input type=file>');
  // Playwright would copy the file over; the runtime's browser is on this machine and takes the path.
  const cdp = await page.context().newCDPSession(page);
  const { root } = await cdp.send('DOM.getDocument');
  const { nodeId } = await cdp.send('DOM.querySelector', { nodeId: root.nodeId, selector: 'input' });
  await cdp.send('DOM.setFileInputFiles', { nodeId, files: [localPath] });
  assert.equal(await page.evaluate(() => document.querySelector('input').files[0].text()), 'to be sent');
  await browser.close();

  const file = await ok(daemon.rest('POST', `/v1/runtimes/${runtime.id}/files/collect`,
    { runtimePath: staged.runtimePath, destinationPath: 'out/é.txt' }));
  assert.equal(file.runId, run.runId);
  const exported = await ok(daemon.rest('POST', `/v1/runs/${run.runId}/files/export`, { name: 'all.zip' }));
  const { bytes } = await content(exported);
  const archive = daemon.sandbox.file('all.zip', bytes);
  const into = mkdtempSync(join(daemon.sandbox.dir, 'unzip-'));
  execFileSync('python3', ['-m', 'zipfile', '-e', archive, into]);
  assert.deepEqual(readdirSync(join(into, 'out')), ['é.txt']);
  assert.equal(readFileSync(join(into, 'letter.txt'), 'utf8'), 'to be sent');
  await ok(daemon.rest('POST', `/v1/runtimes/${runtime.id}/stop`));
  await ok(daemon.rest('DELETE', `/v1/runtimes/${runtime.id}`));
  assert.equal(existsSync(localPath), false, 'its workspace goes with a runtime');
  assert.equal((await content(file)).status, 200, 'what was collected stays');
  await daemon.stop();
});

test('a download is a file of its run by the time that its event tells of it', async (t) => {
  const daemon = await Daemon.start(t);
  const url = await servePages(t);
  const { runtime, run, browser, page } = await drive(daemon);
  await page.goto(url);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.evaluate(() => {
      const link = document.createElement('a');
      link.href = '/file.txt';
      link.download = 'report.txt';
      link.click();
    }),
  ]);
  assert.equal(await download.failure(), null);
  const event = await eventually(async () => {
    const { body } = await daemon.rest('GET', `/v1/runs/${run.runId}/events?type=download&status=finished`);
    assert.equal(body.data.length, 1);
    return body.data[0];
  });
  const file = await ok(daemon.rest('GET', `/v1/files/${event.data.fileId}`));
  assert.equal(file.name, 'report.txt');
  assert.equal(file.type, 'download');
  assert.equal((await content(file)).bytes.toString(), 'a downloaded file\n');
  await browser.close();
  const files = await ok(daemon.rest('GET', `/v1/runs/${run.runId}/files`));
  assert.deepEqual(files.data.map(({ id }) => id), [file.id]);
  const counted = await ok(daemon.rest('GET', `/v1/runs/${run.runId}`));
  assert.equal(counted.counts.files, 1);
  assert.equal(counted.usage.filesBytes, file.sizeBytes);
  const again = await ok(daemon.rest('POST', `/v1/runtimes/${runtime.id}/files/collect`,
    { runtimePath: 'downloads/report.txt' }));
  assert.equal(again.sizeBytes, file.sizeBytes, 'it lies in the workspace as well');
  await daemon.stop();
});

test('a large file comes back whole, and in parts', async (t) => {
  const daemon = await Daemon.start(t);
  const bytes = Buffer.alloc(64 << 20);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  const file = await ok(upload(daemon, '/v1/files', bytes, 'large.bin', { path: 'a/large.bin' }));
  assert.equal(file.sizeBytes, bytes.length);
  const whole = await content(file);
  assert.ok(whole.bytes.equals(bytes));
  const part = await content(file, { range: 'bytes=1000000-1999999' });
  assert.equal(part.status, 206);
  assert.ok(part.bytes.equals(bytes.subarray(1_000_000, 2_000_000)));
  await daemon.stop();
});
