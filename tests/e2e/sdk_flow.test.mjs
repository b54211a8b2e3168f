import assert from 'node:assert/strict';
import { test } from 'node:test';
import JSZip from 'jszip';
import { chromium } from 'playwright-core';
import { eventually, soon } from './lib/eventually.mjs';
import { Local } from './lib/local.mjs';
import { servePages } from './lib/pages.mjs';
import { ApiError, upload } from './lib/sdk.mjs';

// The core groups as a user of BCTRL's SDK writes them.

async function collect(iterable, all = []) {
  for await (const one of iterable) all.push(one);
  return all;
}

/** The refusal of a call. */
async function refusal(call) {
  const error = await call.then(
    () => assert.fail('it was granted'),
    (reason) => reason,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

test('five calls from nothing to a recorded run', async (t) => {
  const local = await Local.start(t);
  const { bctrl } = local;
  const pages = await servePages(t);

  const runtime = await bctrl.runtimes.create({ name: 'invoice-agent' });
  assert.equal(runtime.status, 'stopped');
  const { connectUrl, runId, started } = await bctrl.runtimes.start(runtime.id);
  assert.equal(started, true);

  const browser = await chromium.connectOverCDP(connectUrl);
  const [page] = browser.contexts()[0].pages();
  await page.goto(pages);
  await page.click('#more');
  assert.equal(await page.textContent('#count'), '1');
  await t.test('a hosted agent is not let in beside it', async () => {
    const busy = await refusal(bctrl.runtimes.invocations.create(runtime.id, { action: 'extract' }));
    assert.ok(busy.isControllerBusy, busy.message);
    assert.deepEqual({ status: busy.status, holder: busy.details.holder }, { status: 409, holder: 'cdp' });
  });
  await browser.close();

  await t.test('what happened can be read', () =>
    eventually(async () => {
      const events = await collect(bctrl.runs.events.iter(runId, { limit: 7 }));
      assert.ok(
        events.some(({ type, data }) => type === 'navigation' && data.url === pages),
        'the visit is recorded',
      );
    }),
  );
  assert.deepEqual(await bctrl.runtimes.stop(runtime.id), {
    runtimeId: runtime.id,
    runId,
    status: 'stopped',
    stopped: true,
  });

  const run = await bctrl.runs.get(runId);
  assert.equal(run.status, 'stopped');
  assert.ok(run.finishedAt);
  await bctrl.runtimes.delete(runtime.id, { force: true });
  assert.equal((await refusal(bctrl.runtimes.get(runtime.id))).code, 'runtime.not_found');
  await local.stop();
});

test('the core groups', async (t) => {
  const local = await Local.start(t);
  const { bctrl } = local;
  const pages = await servePages(t);
  const space = await bctrl.spaces.create({ name: 'Core' });
  const runtime = await bctrl.runtimes.create({ name: 'core', spaceId: space.id, metadata: { team: 'e2e' } });
  const { runId, connectUrl } = await bctrl.runtimes.start(runtime.id);

  await t.test('runtimes: the same key starts once', async () => {
    const one = await bctrl.runtimes.create({ name: 'once', spaceId: space.id });
    const key = { idempotencyKey: 'start-once' };
    const [first, again] = [await bctrl.runtimes.start(one.id, {}, key), await bctrl.runtimes.start(one.id, {}, key)];
    assert.deepEqual(again, first);
    assert.deepEqual(
      (await bctrl.runtimes.list({ spaceId: space.id, status: 'active' })).data.map(({ id }) => id).sort(),
      [runtime.id, one.id].sort(),
    );
    assert.equal((await bctrl.runtimes.get(one.id)).connectUrl, first.connectUrl);
    await bctrl.runtimes.stop(one.id);
    assert.equal((await bctrl.runtimes.get(one.id)).connectUrl, undefined);
  });

  await t.test('targets: what REST opens CDP sees, and the other way round', async () => {
    const opened = await bctrl.runtimes.targets.create(runtime.id, { uri: pages, activate: true });
    const browser = await chromium.connectOverCDP(connectUrl);
    const context = browser.contexts()[0];
    await eventually(() => assert.ok(context.pages().some((page) => page.url() === pages)));
    await (await context.newPage()).goto(`${pages}popup`);
    await eventually(async () => {
      const { data } = await bctrl.runtimes.targets.list(runtime.id);
      assert.deepEqual(data.map(({ label }) => label).sort(), ['Bridge test page', 'Popup', 'about:blank']);
      assert.equal(data.filter(({ active }) => active).length, 1);
    });
    assert.equal((await bctrl.runtimes.targets.activate(runtime.id, opened.id)).active, true);
    await bctrl.runtimes.targets.delete(runtime.id, opened.id);
    assert.equal((await refusal(bctrl.runtimes.targets.get(runtime.id, opened.id))).code, 'target.not_found');
    await eventually(() => assert.ok(!context.pages().some((page) => page.url() === pages)));
    await browser.close();
  });

  await t.test('runs: the stream tells what happens while it happens, and can be resumed', async () => {
    const watched = await bctrl.runtimes.create({ name: 'watched', spaceId: space.id });
    const run = await bctrl.runtimes.start(watched.id);
    const frames = [];
    const streamed = collect(bctrl.runs.events.stream(run.runId), frames);
    const browser = await chromium.connectOverCDP(run.connectUrl);
    const [page] = browser.contexts()[0].pages();
    await page.goto(pages);
    await page.evaluate(() => console.warn('a line of the page'));
    await browser.close();
    await eventually(async () => {
      const { data } = await bctrl.runs.events.list(run.runId, { type: ['console.message'] });
      assert.ok(data.some(({ data: { text } }) => text === 'a line of the page'));
    });
    await eventually(() => assert.ok(frames.some(({ data }) => data?.data?.text === 'a line of the page'), 'while it happens'));
    await bctrl.runtimes.stop(watched.id);
    await soon(streamed, 'run.ended');
    assert.deepEqual(
      { event: frames.at(-1).event, status: frames.at(-1).data.status },
      { event: 'run.ended', status: 'stopped' },
    );
    const events = frames.filter(({ event }) => event === 'run.event');
    const listed = await collect(bctrl.runs.events.iter(run.runId));
    assert.deepEqual(
      events.map(({ data }) => data),
      listed,
      'streamed and listed are the same',
    );
    assert.ok(listed.some(({ type, data }) => type === 'navigation' && data.url === pages));

    const middle = events[Math.floor(events.length / 2)];
    const rest = events.slice(events.indexOf(middle) + 1).map(({ id }) => id);
    const idsOf = (all) => all.filter(({ event }) => event === 'run.event').map(({ id }) => id);
    assert.deepEqual(idsOf(await collect(bctrl.runs.events.stream(run.runId, { cursor: middle.id }))), rest);
    const headers = { 'last-event-id': middle.id };
    assert.deepEqual(idsOf(await collect(bctrl.runs.events.stream(run.runId, {}, { headers }))), rest);
  });

  await t.test('runs: activity is told in words, and its stream ends with the run', async () => {
    const ended = await bctrl.runs.list({ spaceId: space.id, status: ['stopped'] });
    const [{ id }] = ended.data;
    const frames = await collect(bctrl.runs.activity.stream(id, { view: 'debug' }));
    assert.equal(frames.at(-1).event, 'run.ended');
    const listed = await collect(bctrl.runs.activity.iter(id, { view: 'debug' }));
    assert.deepEqual(
      frames.slice(0, -1).map(({ data }) => data),
      listed,
    );
    assert.ok(listed.length > 0);
  });

  await t.test('spaces: names, environment by merging, cursors', async () => {
    const made = [];
    for (let i = 0; i < 5; ++i) made.push(await bctrl.spaces.create({ name: `Space ${i}` }));
    const walked = (await collect(bctrl.spaces.iter({ limit: 2 }))).map(({ id }) => id);
    assert.equal(new Set(walked).size, walked.length);
    for (const { id } of made) assert.ok(walked.includes(id));
    const { id } = made[0];
    const set = await bctrl.spaces.environment.update(id, {
      storage: { namespace: 'ours' },
      vault: { allow: ['a/'], deny: [], allowRawReads: false },
    });
    assert.deepEqual(set.vault.allow, ['a/']);
    const merged = await bctrl.spaces.environment.update(id, { vault: { allowRawReads: true } });
    assert.deepEqual(merged.storage, { namespace: 'ours' }, 'what is left out is kept');
    assert.deepEqual([merged.vault.allow, merged.vault.allowRawReads], [['a/'], true]);
    assert.equal((await bctrl.spaces.environment.update(id, { storage: null })).storage, undefined, 'null removes');
    assert.deepEqual(
      (await bctrl.spaces.get(id, { include: 'environment' })).environment,
      await bctrl.spaces.environment.get(id),
    );
    assert.equal((await bctrl.spaces.update(id, { name: 'Renamed' })).name, 'Renamed');
    for (const one of made) assert.deepEqual(await bctrl.spaces.delete(one.id), { id: one.id, deleted: true });
    assert.equal((await refusal(bctrl.spaces.get(id))).code, 'space.not_found');
  });

  await t.test('files: up, listed by folders, down whole and in parts, changed, gone', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    const file = await bctrl.files.upload({
      spaceId: space.id,
      file: upload(bytes, 'report.bin'),
      path: 'reports/2026/report.bin',
      metadata: { month: 11 },
    });
    assert.deepEqual(
      { name: file.name, size: file.sizeBytes, source: file.source, metadata: file.metadata },
      { name: 'report.bin', size: 100_000, source: 'upload', metadata: { month: 11 } },
    );
    await bctrl.files.upload({ spaceId: space.id, file: upload('top', 'top.txt', 'text/plain') });
    const top = await bctrl.files.list({ spaceId: space.id, include: 'folders' });
    assert.deepEqual(
      [top.data.map(({ name }) => name), top.folders.map(({ name }) => name)],
      [['top.txt'], ['reports']],
    );
    const below = await bctrl.files.list({ spaceId: space.id, prefix: 'reports/' });
    assert.deepEqual(
      below.data.map(({ id }) => id),
      [file.id],
    );
    assert.ok(bytes.equals(await bctrl.files.content(file.id)));
    const part = await bctrl.files.content(file.id, {}, { headers: { range: 'bytes=10-19' }, whole: true });
    assert.deepEqual([part.status, [...part.body]], [206, [...bytes.subarray(10, 20)]]);
    assert.equal((await bctrl.files.update(file.id, { metadata: null })).metadata ?? null, null);
    assert.equal((await bctrl.files.update(file.id, { name: 'other.bin' })).name, 'other.bin');
    const taken = await refusal(
      bctrl.files.upload({ spaceId: space.id, file: upload('x', 'top.txt'), path: 'top.txt' }),
    );
    assert.deepEqual([taken.status, taken.code], [409, 'storage_file.path_exists']);
    await bctrl.files.delete(file.id);
    assert.equal((await refusal(bctrl.files.content(file.id))).code, 'file.not_found');
  });

  await t.test('runtime files: staged, collected, exported', async () => {
    const staged = await bctrl.runtimes.files.upload(runtime.id, {
      file: upload('one,two\n', 'in.csv', 'text/csv'),
      runtimePath: 'data/in.csv',
    });
    assert.deepEqual({ path: staged.runtimePath, size: staged.sizeBytes }, { path: 'data/in.csv', size: 8 });
    const kept = await bctrl.files.upload({ spaceId: space.id, file: upload('kept', 'kept.txt', 'text/plain') });
    const again = await bctrl.runtimes.files.stage(runtime.id, { fileId: kept.id, runtimePath: 'data/kept.txt' });
    assert.equal(again.sizeBytes, 4);
    const collected = await bctrl.runtimes.files.collect(runtime.id, {
      runtimePath: 'data/in.csv',
      destinationPath: 'out/in.csv',
      type: 'report',
    });
    assert.deepEqual(
      { source: collected.source, run: collected.runId, type: collected.type },
      { source: 'runtime', run: runId, type: 'report' },
    );
    assert.equal(String(await bctrl.files.content(collected.id)), 'one,two\n');
    assert.ok(
      (await bctrl.runtimes.files.list(runtime.id, { type: 'report' })).data.some(({ id }) => id === collected.id),
    );
    assert.ok((await bctrl.runs.files.list(runId)).data.some(({ id }) => id === collected.id));
    const archive = await bctrl.runs.files.export(runId, { name: 'all.zip' });
    const zip = await JSZip.loadAsync(await bctrl.files.content(archive.id));
    const texts = await Promise.all(
      Object.values(zip.files)
        .filter(({ dir }) => !dir)
        .map((entry) => entry.async('string')),
    );
    assert.ok(texts.includes('one,two\n'), Object.keys(zip.files).join());
  });

  await t.test('invocations: one act and one extract, for real', async () => {
    const target = await bctrl.runtimes.targets.create(runtime.id, { uri: pages, activate: true });
    const finished = async (fields) => {
      const { id } = await bctrl.runtimes.invocations.create(runtime.id, { target: { id: target.id }, ...fields });
      for (;;) {
        const waited = await bctrl.runtimes.invocations.wait(runtime.id, id, { timeoutSeconds: 5 });
        if (waited.waitStatus === 'completed') return waited;
      }
    };
    const stagehandAction = { selector: '#more', description: 'more', method: 'click' };
    assert.equal((await finished({ action: 'act', stagehandAction })).status, 'succeeded');
    const extracted = await finished({ action: 'extract', selector: '#count' });
    assert.deepEqual([extracted.status, JSON.stringify(extracted.output).includes('1')], ['succeeded', true]);
    const lost = await finished({ action: 'act', instruction: 'buy the cheapest one' });
    assert.deepEqual([lost.status, lost.error.code], ['failed', 'invocation.dispatch_unavailable']);
    const { data } = await bctrl.runs.invocations.list(runId, { action: ['act'] });
    assert.deepEqual(new Set(data.map(({ action }) => action)), new Set(['act']));
    assert.ok((await bctrl.runs.get(runId)).counts.invocations >= 3);
  });

  await t.test('human actions: asked, waited for, done', async () => {
    const { id, status } = await bctrl.runtimes.humanActions.create(runtime.id, {
      message: 'Enter the code',
      timeoutSeconds: 60,
    });
    assert.equal(status, 'requested');
    assert.equal((await bctrl.runtimes.humanActions.wait(runtime.id, { timeoutSeconds: 1 })).waitStatus, 'timeout');
    const waiting = bctrl.runtimes.humanActions.wait(runtime.id, { timeoutSeconds: 20 });
    await bctrl.runtimes.humanActions.complete(runtime.id);
    const done = await waiting;
    assert.deepEqual([done.id, done.waitStatus, done.status], [id, 'resolved', 'completed']);
    assert.equal((await bctrl.runtimes.humanActions.get(runtime.id)).status, 'completed');
  });

  await t.test('live and recording: addresses that need no key and cannot be guessed', async () => {
    const live = await bctrl.runs.live(runId, { control: 'none', expiresInSeconds: 30 });
    const page = await fetch(live.url);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    const guessed = await fetch(live.url.replace(/[\w-]{6}(?=[^\w-]*$)/, 'AAAAAA'));
    assert.ok(guessed.status >= 400, 'another secret leads nowhere');
    const recording = await bctrl.runs.recording(runId, {});
    assert.equal(recording.status, 'not_available', 'nobody asked for one');
    await bctrl.runtimes.stop(runtime.id);
    assert.equal((await refusal(bctrl.runs.live(runId, {}))).code, 'run.live_not_active');
  });

  await local.stop();
});
