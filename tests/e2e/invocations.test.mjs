import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';
import { Runtime } from './lib/runtime.mjs';

// What a runtime is asked to do over the API, done in a real Chromium.

const FORM = `<!doctype html><meta charset="utf-8"><title>Form</title>
<style>body { margin: 0; height: 3000px } #moving { position: relative } #moving.sliding { animation: slide 1.5s linear } @keyframes slide { from { left: 300px } to { left: 0 } }</style>
<button id="count" onclick="this.textContent = Number(this.textContent) + 1" ondblclick="doubled = true">0</button>
<button id="off" disabled>off</button>
<input id="full" value="old" oninput="typed = event.isTrusted">
<label id="named">Name <input id="name"></label><label id="news"><input id="mail" type="checkbox" style="position: absolute; opacity: 0">News</label>
<input id="agree" type="checkbox"><input id="day" type="date">
<select id="size"><option value="s">Small</option><option value="l">Large</option></select>
<textarea id="note"></textarea><form onsubmit="sent = query.value; return false"><input id="query"></form>
<button id="ask" onclick="answer = [confirm('Sure?'), prompt('Who?')]; alert('Well')">ask</button>
<div style="position: relative; width: 90px; height: 30px"><button id="under">under</button><div id="over" onclick="hits++" style="position: absolute; inset: 0"></div></div>
<button id="moving" onclick="moved = event.isTrusted && this.getAnimations().length === 0">catch me</button>
<div id="host"></div><iframe id="pay" src="/inner"></iframe>
<p id="far" style="position: absolute; top: 2500px" onmouseenter="reached = true">far</p>
<script>
  var hits = 0;
  host.attachShadow({ mode: 'open' }).innerHTML = '<button id="shy" onclick="this.textContent = 1">0</button>';
</script>`;
const INNER = `<!doctype html><title>Inner</title><input id="card"><button id="ok" onclick="this.textContent = event.isTrusted">no</button>`;
// Named as what a form or a document has itself.
const NAMES = `<!doctype html><title>Names</title><img name="title"><img name="body"><img name="querySelector">
<form id="form" onclick="" aria-label="the form">
  ${['children', 'parentElement', 'localName', 'getAttribute', 'id', 'matches', 'nodeType', 'value', 'getRootNode', 'shadowRoot', 'namespaceURI', 'previousElementSibling', 'getBoundingClientRect']
    .map((name) => `<input name="${name}">`).join('')}
  <button id="go" type="button" onclick="this.textContent = 1">Go on</button>
</form><div></div><svg></svg><svg tabindex="0" aria-label="Draw" width="50" height="50" onclick="drawn = true"><rect width="50" height="50"/></svg>`;
const SHOP = `<!doctype html><title>Shop</title><label>Your name <input id="who"></label><button onclick="done.textContent = who.value">Buy</button><p id="done"></p>`;

async function serve(t, routes) {
  const server = http.createServer((asked, reply) => {
    const body = routes[asked.url];
    reply.writeHead(body ? 200 : 404, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

test('exact actions and plain extracts are done by trusted input, without a model', async (t) => {
  const daemon = await Daemon.start(t);
  const site = await serve(t, { '/': FORM, '/inner': INNER });
  const runtime = await Runtime.start(daemon);
  await runtime.open(site);
  const works = async (...action) => {
    const ended = await runtime.act(...action);
    assert.equal(ended.status, 'succeeded', JSON.stringify(ended.error));
    return ended;
  };

  await t.test('mouse', async () => {
    await works('click', '#count');
    await works('click', 'xpath=//button[@id="count"]');
    assert.equal(await runtime.look('count.textContent'), '2');
    await works('doubleClick', '#count');
    assert.equal(await runtime.look('doubled'), true);
    await runtime.look('moving.className = "sliding"');
    await works('click', '#moving');
    assert.equal(await runtime.look('moved'), true, 'it has come to rest');
    await works('hover', '#far');
    assert.equal(await runtime.look('reached'), true, 'it is scrolled to');
  });

  await t.test('fields', async () => {
    await works('fill', '#full', 'Ada Lovelace');
    assert.equal(await runtime.look('full.value'), 'Ada Lovelace');
    assert.equal(await runtime.look('typed'), true);
    await works('press', '#full', 'End');
    await works('type', '#full', ' é1');
    assert.equal(await runtime.look('full.value'), 'Ada Lovelace é1');
    await works('press', '#full', 'Control+a');
    await works('press', '#full', 'Delete');
    assert.equal(await runtime.look('full.value'), '');
    await works('fill', '#note', 'two\nlines');
    assert.equal(await runtime.look('note.value'), 'two\nlines');
    await works('clear', '#note');
    assert.equal(await runtime.look('note.value'), '');
    await works('fill', '#day', '2026-07-10');
    assert.equal(await runtime.look('day.value'), '2026-07-10');
    await works('selectOption', '#size', 'Large');
    assert.equal(await runtime.look('size.value'), 'l');
    await works('check', '#agree');
    await works('check', '#agree');
    assert.equal(await runtime.look('agree.checked'), true);
    await works('uncheck', '#agree');
    assert.equal(await runtime.look('agree.checked'), false);
    await works('fill', '#named', 'Grace');
    assert.equal(await runtime.look('document.getElementById("name").value'), 'Grace', 'a label stands for its field');
    await works('type', '#query', 'x\n');
    assert.equal(await runtime.look('sent'), 'x', 'a line end is the Enter key');
    await works('check', '#news');
    assert.equal(await runtime.look('mail.checked'), true);
  });

  await t.test('shadow roots and frames', async () => {
    await works('click', '#shy');
    assert.equal(await runtime.look('host.shadowRoot.querySelector("#shy").textContent'), '1');
    await works('fill', 'iframe#pay >> #card', '4711');
    await works('fill', "//iframe[contains(@src,'/inner')]//input[@id='card']", '4712');
    assert.equal(await runtime.look('pay.contentDocument.querySelector("#card").value'), '4712');
    await works('fill', 'iframe#pay >> #card', '4711');
    await works('click', 'iframe#pay >> #ok');
    assert.equal(await runtime.look('pay.contentDocument.querySelector("#card").value'), '4711');
    assert.equal(await runtime.look('pay.contentDocument.querySelector("#ok").textContent'), 'true');
  });

  await t.test('dialogs are dismissed', async () => {
    await works('click', '#ask');
    assert.deepEqual(await runtime.look('answer'), [false, null]);
  });

  await t.test('scrolling', async () => {
    await works('scrollTo', 'body', '100%');
    assert.ok((await runtime.look('scrollY')) > 1000);
    await works('scrollTo', 'body', '0');
    assert.equal(await runtime.look('scrollY'), 0);
    await works('nextChunk', 'body');
    assert.ok((await runtime.look('scrollY')) > 100);
  });

  await t.test('what stands in the way is said', async () => {
    for (const [selector, reason] of [
      ['#none', 'element_not_found'],
      ['#off', 'element_disabled'],
      ['#under', 'element_covered'],
      ['#size', 'element_not_editable'],
      ['a[', 'selector_invalid'],
    ]) {
      const ended = await runtime.act(reason === 'element_not_editable' ? 'fill' : 'click', selector, 'left');
      assert.equal(ended.status, 'failed', selector);
      assert.equal(ended.error.code, 'invocation.stagehand_failed');
      assert.equal(ended.error.details.reason, reason);
    }
    assert.equal(await runtime.look('hits'), 0, 'what is in the way is not clicked');
  });

  await t.test('text', async () => {
    const whole = await runtime.invoke({ action: 'extract' });
    assert.match(whole.output.pageText, /catch me/);
    const part = await runtime.invoke({ action: 'extract', selector: '#far' });
    assert.deepEqual(part.output, { pageText: 'far' });
    const fresh = await runtime.invoke({ action: 'extract', target: 'new' });
    assert.deepEqual(fresh.output, { pageText: '' });
  });

  await t.test('a page behind another is brought to the front', async () => {
    const { body: targets } = await runtime.rest('GET', '/targets');
    const behind = targets.data.find(({ uri }) => uri === site);
    assert.equal(behind.active, false);
    const target = { id: behind.id };
    const act = (method, selector, ...args) =>
      runtime.invoke({ action: 'act', target, timeoutSeconds: 6, stagehandAction: { selector, method, arguments: args, description: method } });
    const opened = await runtime.rest('POST', '/targets', { uri: 'about:blank' });
    assert.equal(opened.status, 201);
    for (const [method, selector, ...args] of [['hover', '#far'], ['click', '#count'], ['fill', '#name', 'Ada']]) {
      assert.equal((await runtime.rest('POST', `/targets/${opened.body.id}/activate`)).status, 200);
      const ended = await act(method, selector, ...args);
      assert.equal(ended.status, 'succeeded', `${method}: ${JSON.stringify(ended.error)}`);
      assert.ok(ended.durationSeconds < 4, `${method} took ${ended.durationSeconds} s`);
      const { body: now } = await runtime.rest('GET', `/targets/${behind.id}`);
      assert.equal(now.active, true);
    }
    assert.equal((await runtime.rest('POST', `/targets/${opened.body.id}/activate`)).status, 200);
    const read = await runtime.invoke({ action: 'extract', selector: '#far', target });
    assert.deepEqual(read.output, { pageText: 'far' });
  });

  const { body: list } = await runtime.rest('GET', `/v1/runs/${runtime.runId}/invocations?limit=2`);
  assert.equal(list.data.length, 2);
  assert.ok(list.nextCursor);
  await daemon.stop();
});

test('an invocation and a CDP client exclude each other, up to the moment one of them ends', async (t) => {
  const daemon = await Daemon.start(t);
  const runtime = await Runtime.start(daemon);
  const socket = new WebSocket(runtime.connectUrl, { perMessageDeflate: false });
  await soon(once(socket, 'open'), 'the handshake');
  const refused = await runtime.rest('POST', '/invocations', { action: 'extract' });
  assert.equal(refused.status, 409);
  assert.equal(refused.body.code, 'runtime.controller_busy');
  assert.equal(refused.body.details.holder, 'cdp');
  socket.close();
  const made = await eventually(async () => {
    const reply = await runtime.rest('POST', '/invocations', {
      action: 'act', timeoutSeconds: 60, stagehandAction: { selector: '#never', description: 'd' },
    });
    assert.equal(reply.status, 202);
    return reply.body;
  });
  const late = new WebSocket(runtime.connectUrl, { perMessageDeflate: false });
  const [failure] = await soon(once(late, 'error'), 'the refusal');
  assert.match(failure.message, /409/);
  await runtime.rest('POST', `/invocations/${made.id}/cancel`);
  const ended = await runtime.rest('POST', `/invocations/${made.id}/wait`, { timeoutSeconds: 10 });
  assert.equal(ended.body.status, 'cancelled');
  assert.equal(await runtime.look('1 + 1'), 2); // over connectUrl, at once
  await daemon.stop();
});

/** An OpenAI-compatible provider that answers with what `think(request)` returns. */
async function provider(t, think) {
  const server = http.createServer(async (asked, reply) => {
    let text = '';
    for await (const piece of asked) text += piece;
    const request = JSON.parse(text || '{}');
    const content = JSON.stringify(think(request, asked.headers.authorization));
    reply.writeHead(200, { 'content-type': 'application/json' });
    reply.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }], usage: { prompt_tokens: 7, completion_tokens: 3 } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/v1`;
}

test('names of a page stand in the way of nothing; what a model is shown can be acted on', async (t) => {
  const daemon = await Daemon.start(t);
  const site = await serve(t, { '/': NAMES });
  const runtime = await Runtime.start(daemon);
  await runtime.open(site);
  const clicked = await runtime.act('click', '#go');
  assert.equal(clicked.status, 'succeeded', JSON.stringify(clicked.error));
  let shown;
  const baseUrl = await provider(t, (request) => {
    shown = request.messages.at(-1).content;
    const all = [...shown.matchAll(/^\[(\d+)\]/gm)];
    return { elements: all.map(([, number]) => ({ element: Number(number), description: 'd', method: 'click' })) };
  });
  await daemon.rest('POST', '/v1/ai/credentials', { provider: 'custom', name: 'mine', baseUrl, apiKey: 'k', defaultModel: 'm' });
  const seen = await runtime.invoke({ action: 'observe', instruction: 'all' });
  assert.equal(seen.status, 'succeeded', JSON.stringify(seen.error));
  assert.match(shown, /^Title: Names$/m);
  assert.match(shown, /"the form"/);
  assert.equal(seen.output.length, 16); // the form, its fields, both buttons
  for (const { selector } of seen.output.slice(-2)) {
    const ended = await runtime.act('click', selector);
    assert.equal(ended.status, 'succeeded', `${selector}: ${JSON.stringify(ended.error)}`);
  }
  assert.equal(await runtime.look('drawn'), true);
  await daemon.stop();
});

test('with a credential of the user a model does the job; its values and its key are told to nobody', async (t) => {
  const daemon = await Daemon.start(t);
  const { secrets } = daemon.sandbox;
  secrets.add('sk-model-canary-Qe41', "the provider's key");
  secrets.add('Ada-canary-Uy77', 'a variable of an invocation');
  const site = await serve(t, { '/': SHOP });
  const runtime = await Runtime.start(daemon);
  await runtime.open(site);
  const alone = await runtime.invoke({ action: 'observe', instruction: 'the button' });
  assert.equal(alone.error.code, 'invocation.dispatch_unavailable');
  assert.equal(alone.error.details.reason, 'no_model');

  const asked = [];
  const keys = new Set();
  const number = (text, label) => Number(text.match(new RegExp(`\\[(\\d+)\\] .*${label}`))[1]);
  const plan = [
    (text) => ({ elements: [{ element: number(text, 'Buy'), description: 'buy', method: 'click' }] }),
    () => ({ extraction: { title: 'Shop' } }),
    (text) => ({ action: 'fill', element: number(text, 'Your name'), text: '%who%' }),
    (text) => ({ action: 'click', element: number(text, 'Buy') }),
    () => ({ action: 'done', success: true, message: 'bought' }),
  ];
  const baseUrl = await provider(t, (request, key) => {
    asked.push(JSON.stringify(request));
    keys.add(key);
    return plan[asked.length - 1](request.messages.at(-1).content);
  });
  const made = await daemon.rest('POST', '/v1/ai/credentials', {
    provider: 'custom', name: 'mine', baseUrl, apiKey: 'sk-model-canary-Qe41', defaultModel: 'tiny-1',
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));

  const seen = await runtime.invoke({ action: 'observe', instruction: 'the button' });
  assert.equal(seen.status, 'succeeded', JSON.stringify(seen.error));
  assert.equal(seen.output[0].method, 'click');
  const outputSchema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
  const extracted = await runtime.invoke({ action: 'extract', outputSchema });
  assert.deepEqual(extracted.output, { title: 'Shop' });
  const variables = { who: { value: 'Ada-canary-Uy77', description: 'the name' } };
  const bought = await runtime.invoke({ action: 'stagehandAgent', instruction: 'buy something', variables });
  assert.equal(bought.status, 'succeeded', JSON.stringify(bought.error));
  assert.equal(bought.output.actions.length, 2);
  assert.equal(bought.output.usage.inputTokens, 21);
  assert.equal(await runtime.look('done.textContent'), 'Ada-canary-Uy77');
  assert.deepEqual([...keys], ['Bearer sk-model-canary-Qe41']);
  assert.equal(asked.length, plan.length);
  assert.doesNotMatch(JSON.stringify(bought), /canary/);
  assert.doesNotMatch(asked.join(), /canary/, 'not even when the page shows it');
  await daemon.stop();
});
