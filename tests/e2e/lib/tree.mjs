import { eventually } from './eventually.mjs';

const AUTO = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };

/** The sessions that one client sees below `top`, with auto-attach on all of them, as real clients do it. */
export class Tree {
  #cdp;
  #seen = 0;

  constructor(cdp, top) {
    this.#cdp = cdp;
    /** {sessionId, parent, type, url} */
    this.sessions = [{ sessionId: top, parent: undefined, type: 'top', url: '' }];
  }

  async #adopt() {
    for (; this.#seen < this.#cdp.events.length; ++this.#seen) {
      const { method, params, sessionId: parent } = this.#cdp.events[this.#seen];
      if (method !== 'Target.attachedToTarget' || !this.sessions.some((each) => each.sessionId === parent)) continue;
      const { sessionId, targetInfo } = params;
      this.sessions.push({ sessionId, parent, type: targetInfo.type, url: targetInfo.url });
      await this.follow(sessionId);
    }
  }

  async follow(sessionId) {
    await this.#cdp.send('Target.setAutoAttach', AUTO, sessionId).catch(() => {}); // not every kind of target has it
    await this.#cdp.send('Runtime.runIfWaitingForDebugger', {}, sessionId).catch(() => {});
  }

  /** The first session of this type, once it is there. */
  find(type, url = '') {
    return eventually(async () => {
      await this.#adopt();
      const found = this.sessions.find((each) => each.type === type && each.url.includes(url));
      if (!found) throw new Error(`no ${type} ${url} among ${this.sessions.map((each) => `${each.type} ${each.url}`)}`);
      return found;
    });
  }
}
