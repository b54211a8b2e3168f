import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Daemon } from './lib/daemon.mjs';
import { eventually, soon } from './lib/eventually.mjs';

/** A runtime that runs: its id, its run and its connectUrl. */
async function running(daemon) {
  const { body } = await daemon.rest('POST', '/v1/runtimes', { name: 'faulty' });
  const started = await daemon.rest('POST', `/v1/runtimes/${body.id}/start`);
  assert.equal(started.status, 200);
  return started.body;
}

async function open(connectUrl) {
  const socket = new WebSocket(connectUrl, { perMessageDeflate: false });
  const heard = [];
  socket.on('message', (bytes) => heard.push(JSON.parse(bytes)));
  socket.on('error', () => {}); // a cut connection may end by a reset
  await soon(once(socket, 'open'), 'the handshake');
  return { socket, heard, closed: new Promise((resolve) => socket.once('close', resolve)) };
}

test('a CDP connection is cut after as many frames as were asked for, and the next one is not', async (t) => {
  const daemon = await Daemon.start(t);
  const { runtimeId, connectUrl } = await running(daemon);
  const fault = await daemon.rest('POST', '/_local/faults', { match: { runtimeId }, cutAfterFrames: 3 });
  assert.equal(fault.status, 201);
  const first = await open(connectUrl);
  for (let id = 1; id <= 10; ++id) first.socket.send(JSON.stringify({ id, method: 'Browser.getVersion' }));
  await soon(first.closed, 'the cut');
  assert.deepEqual(first.heard.map(({ id }) => id), [1, 2, 3]);
  const second = await eventually(() => open(connectUrl)); // the lock is free again
  for (let id = 1; id <= 10; ++id) second.socket.send(JSON.stringify({ id, method: 'Browser.getVersion' }));
  await eventually(() => assert.equal(second.heard.length, 10));
  second.socket.close();
  await daemon.stop();
});

test('a run that is ended by a fault has failed, and its controller is cut off', async (t) => {
  const daemon = await Daemon.start(t);
  const { runtimeId, runId, connectUrl } = await running(daemon);
  const { closed } = await open(connectUrl);
  const fault = await daemon.rest('POST', '/_local/faults', { match: { runtimeId }, endRun: true });
  assert.equal(fault.status, 200);
  await soon(closed, 'the end of the connection');
  await eventually(async () => {
    const { body } = await daemon.rest('GET', `/v1/runs/${runId}`);
    assert.equal(body.status, 'failed');
  });
  await daemon.stop();
});

test('the daemon comes through an API that fails for a while', async (t) => {
  const daemon = await Daemon.start(t);
  const fault = { match: { operation: 'runtimes.list' }, status: 503, count: 1 };
  assert.equal((await daemon.rest('POST', '/_local/faults', fault)).status, 201);
  const up = await daemon.ask('up', 'main');
  assert.ok(up);
  assert.deepEqual((await daemon.rest('GET', '/_local/faults')).body.data, [], 'the fault has happened');
  await daemon.stop();
});
