// One client that is a burden, in a process of its own, so that nothing but the browser and the bridge is shared with
// those it is a burden to: main.mjs KIND ADDRESS. It says when it has attached, does its worst, and says how it ended.
import { once } from 'node:events';
import WebSocket from 'ws';
import { Cdp } from '../cdp.mjs';

const [kind, address] = process.argv.slice(2);
const MIB = 1024 * 1024;
const stop = () => process.kill(process.pid, 'SIGSTOP');

const KINDS = {
  /** Asks for more in one reply than may wait for a client. */
  reply: async (cdp, page) => {
    const { result } = await cdp.send('Runtime.evaluate', { expression: `"x".repeat(${200 * MIB})` }, page);
    console.log(`over: ${result.value.length / MIB} MiB came`);
  },
  /** Sends a command that is larger than a client's messages may be. */
  command: async (cdp, page) => {
    const sent = cdp.send('Runtime.evaluate', { expression: `"${'x'.repeat(65 * MIB)}".length` }, page);
    const said = ({ result }) => `${result.value / MIB} MiB were taken`;
    console.log(`over: ${await sent.then(said, (error) => error.message)}`);
  },
  /** Asks for much in many replies, and reads none of them. */
  reader: async (cdp, page) => {
    for (let i = 0; i < 20; ++i) void cdp.send('Runtime.evaluate', { expression: `"x".repeat(${10 * MIB})` }, page);
    while (socket.bufferedAmount > 0) await new Promise(setImmediate); // the commands leave first
    stop();
    const { code, reason } = await cdp.closed;
    console.log(`over: closed ${code} ${reason}`);
  },
  /** Has every new target wait for it, and never says go on. */
  holder: async (cdp) => {
    await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
    socket.on('ping', () => console.log('answered a ping'));
    console.log('holding');
    const { code, reason } = await cdp.closed;
    console.log(`over: closed ${code} ${reason}`);
  },
};

// As Puppeteer has it: Node.js's own takes no message above 128 MiB, and Chromium inflates in quadratic time.
const socket = new WebSocket(address, { maxPayload: 256 * MIB, perMessageDeflate: false });
await once(socket, 'open');
const cdp = new Cdp(socket);
const { targetId } = await cdp.send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
console.log('attached');
await KINDS[kind](cdp, sessionId);
process.exit(0);
