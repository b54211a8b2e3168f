import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cdp } from './lib/cdp.mjs';
import { Daemon } from './lib/daemon.mjs';
import { BINARY, CONTINUED, frame, RawSocket, TEXT } from './lib/frames.mjs';
import { Peer } from './lib/peer.mjs';
import { Dialogue } from './lib/twin.mjs';

const COMMAND = '{"id":1,"method":"Browser.getVersion"}';
// Passed on, most of them would cost everybody the connection to the browser.
const FORBIDDEN = {
  'a binary frame': [[frame(BINARY, COMMAND)], 1003],
  'text that is not UTF-8': [[frame(TEXT, [0x22, 0xc3, 0x28, 0x22])], 1007],
  'a character cut short': [[frame(TEXT, [0x22, 0xe2, 0x82])], 1007],
  'a frame without a mask': [[frame(TEXT, COMMAND, { masked: false })], 1002],
  'a reserved bit': [[frame(TEXT, COMMAND, { bits: 4 })], 1002],
  'a reserved opcode': [[frame(3, COMMAND)], 1002],
  'a length of 2^63': [[Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], 1002],
};

test('frames that break the protocol close the one who sent them, and him alone', async (t) => {
  const daemon = await Daemon.start(t);
  const peer = await Peer.start(daemon.ws);
  for (const [name, [frames, code]] of Object.entries(FORBIDDEN))
    await t.test(name, async () => {
      const offender = await RawSocket.open(daemon.ws);
      const over = (async () => {
        offender.send(...frames);
        assert.equal(await offender.end(name), code);
      })();
      await peer.ask({ over, atLeast: 100 });
    });
  await t.test('fragments are one command, whatever control frame is between them', async () => {
    const socket = await RawSocket.open(daemon.ws);
    const [head, middle, tail] = [COMMAND.slice(0, 4), COMMAND.slice(4, 20), COMMAND.slice(20)];
    const rest = { fin: false };
    socket.send(frame(TEXT, head, rest), frame(0x0a, 'unasked'), frame(CONTINUED, middle, rest), frame(CONTINUED, tail));
    assert.match(JSON.parse(await socket.message()).result.product, /^Chrome\//);
    socket.socket.destroy();
  });
  await t.test('two commands in flight may have the same id, and each has its answer', async () => {
    const dialogue = await Dialogue.open(daemon.ws);
    const other = await Cdp.connect(daemon.ws);
    for (const method of ['Browser.getVersion', 'Target.getBrowserContexts']) dialogue.socket.send(JSON.stringify({ id: 1, method }));
    const answers = [JSON.parse(await dialogue.next()), JSON.parse(await dialogue.next())];
    assert.deepEqual(answers.map(({ id }) => id), [1, 1]);
    assert.match(answers.find(({ result }) => result.product).result.product, /^Chrome\//);
    assert.ok(answers.find(({ result }) => result.browserContextIds));
    assert.deepEqual(other.events, []);
    await Promise.all([dialogue.close(), other.close()]);
  });
  await peer.leave();
  await daemon.quiet();
  await daemon.oneConnection();
  await daemon.stop();
});
