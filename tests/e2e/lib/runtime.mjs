import assert from 'node:assert/strict';
import { Cdp } from './cdp.mjs';

/** A runtime of the local backend that runs, driven as its API lets it be driven. */
export class Runtime {
  static async start(daemon, config = {}) {
    const made = await daemon.rest('POST', '/v1/runtimes', { name: 'driven', config });
    assert.equal(made.status, 201);
    const started = await daemon.rest('POST', `/v1/runtimes/${made.body.id}/start`);
    assert.equal(started.status, 200);
    return new Runtime(daemon, started.body);
  }

  constructor(daemon, { runtimeId, runId, connectUrl }) {
    Object.assign(this, { daemon, runtimeId, runId, connectUrl, root: `/v1/runtimes/${runtimeId}` });
  }

  rest(method, path, body) {
    return this.daemon.rest(method, path.startsWith('/v1/') ? path : this.root + path, body);
  }

  /** `work(page)` on the first page, over CDP: page(method, params). Then nobody drives any more. */
  async withPage(work) {
    const cdp = await Cdp.connect(this.connectUrl);
    const { targetInfos } = await cdp.send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page');
    const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: true });
    const result = await work((method, params) => cdp.send(method, params, sessionId), cdp, sessionId);
    await cdp.close();
    return result;
  }

  /** Opens `url` in the first page and waits for its load. */
  async open(url) {
    await this.withPage(async (page, cdp) => {
      await page('Page.enable');
      await page('Page.navigate', { url });
      await cdp.event('Page.loadEventFired');
    });
  }

  /** What an expression is in the first page. */
  look(expression) {
    return this.withPage(async (page) => {
      const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
      assert.equal(exceptionDetails, undefined);
      return result.value;
    });
  }

  /** An invocation from its creation to its end. */
  async invoke(body) {
    const made = await this.rest('POST', '/invocations', body);
    assert.equal(made.status, 202, JSON.stringify(made.body));
    const ended = await this.rest('POST', `/invocations/${made.body.id}/wait`, { timeoutSeconds: 60 });
    assert.equal(ended.status, 200);
    return ended.body;
  }

  /** An exact action; what came of it. */
  act(method, selector, ...args) {
    return this.invoke({ action: 'act', timeoutSeconds: 6, stagehandAction: { selector, method, arguments: args, description: method } });
  }
}
