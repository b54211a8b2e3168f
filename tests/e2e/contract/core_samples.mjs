import { upload } from '../lib/sdk.mjs';

// One good call of every operation of runtimes, runs, spaces and files, in an order in which each finds what it needs.
// `ids` and `fields` are made of the world so far; `keep` adds to it. What ends something makes its own victim first.

const file = (name = 'note.txt') => upload('seven bytes of text\n', name, 'text/plain');
const mounts = (w) => ({
  storage: { namespace: 'contract' },
  vault: { allow: ['work/'], deny: ['work/secret/'], allowRawReads: true },
  ai: { credentialIds: w.credential ? [w.credential.id] : [] },
});

const config = {
  profile: false,
  stealth: 'normal',
  fingerprint: { browser: 'chrome', viewport: { width: 900, height: 700 } },
  networkTraffic: { saver: 'none', blockResourceTypes: ['media'], urlBlocklist: ['*://blocked.invalid/*'] },
  idleTimeoutSeconds: 900,
};

const spare = {
  space: (w) => w.bctrl.spaces.create({ name: 'Spare' }),
  runtime: (w) => w.bctrl.runtimes.create({ name: 'Spare' }),
  file: (w) => w.bctrl.files.upload({ spaceId: w.space.id, file: file(`spare-${w.next()}.txt`) }),
  target: (w) => w.bctrl.runtimes.targets.create(w.live.id, { uri: 'about:blank' }),
  invocation: (w) => w.bctrl.runtimes.invocations.create(w.live.id, click),
};

const click = {
  action: 'act',
  stagehandAction: { selector: '#more', description: 'the button that counts', method: 'click' },
  timeoutSeconds: 20,
};

/** One pending human action on the live runtime, whatever was there before. */
async function pendingHumanAction(w) {
  await w.bctrl.runtimes.humanActions.cancel(w.live.id).catch((error) => {
    if (![404, 409].includes(error.status)) throw error;
  });
  await w.bctrl.runtimes.humanActions.create(w.live.id, { message: 'Please look', timeoutSeconds: 60 });
  return [w.live.id];
}

/** The live runtime with nobody at the wheel. */
async function freeRuntime(w) {
  await w.settled();
  return [w.live.id];
}

export const coreSamples = {
  'spaces.create': { fields: () => ({ name: 'Contract' }), keep: (w, body) => (w.space = body) },
  'spaces.list': {},
  'spaces.get': { ids: (w) => [w.space.id], fields: () => ({ include: 'environment' }) },
  'spaces.update': { ids: (w) => [w.space.id], fields: () => ({ name: 'Contract, renamed' }) },
  'spaces.environment.update': { ids: (w) => [w.space.id], fields: mounts },
  'spaces.environment.get': { ids: (w) => [w.space.id] },
  'spaces.delete': { ids: async (w) => [(await spare.space(w)).id] },

  'files.upload': {
    fields: (w) => ({
      spaceId: w.space.id,
      file: file(),
      path: `notes/${w.next()}/note.txt`,
      metadata: { by: 'test' },
    }),
    keep: (w, body) => (w.file = body),
  },
  'files.list': { fields: (w) => ({ spaceId: w.space.id, include: 'folders' }) },
  'files.get': { ids: (w) => [w.file.id] },
  'files.update': { ids: (w) => [w.file.id], fields: () => ({ name: 'renamed.txt', metadata: { seen: true } }) },
  'files.content': { ids: (w) => [w.file.id] },
  'files.delete': { ids: async (w) => [(await spare.file(w)).id] },

  'runtimes.create': {
    fields: (w) => ({ name: 'Contract', spaceId: w.space.id, type: 'browser', config, metadata: { team: 'e2e' } }),
    keep: (w, body) => (w.live = body),
  },
  'runtimes.list': { fields: (w) => ({ spaceId: w.space.id, status: ['active', 'stopped'] }) },
  'runtimes.get': { ids: (w) => [w.live.id] },
  'runtimes.update': {
    ids: async (w) => [(await spare.runtime(w)).id],
    fields: () => ({ name: 'Renamed', config, idleTimeoutSeconds: 800 }),
  },
  'runtimes.start': { ids: (w) => [w.live.id], keep: (w, body) => (w.run = { id: body.runId }) },
  'runtimes.delete': { ids: async (w) => [(await spare.runtime(w)).id], fields: () => ({ force: true }) },

  'runtimes.targets.create': {
    ids: (w) => [w.live.id],
    fields: (w) => ({ type: 'browser_page', uri: w.pages, activate: true }),
    keep: (w, body) => (w.target = body),
  },
  'runtimes.targets.list': { ids: (w) => [w.live.id] },
  'runtimes.targets.get': { ids: (w) => [w.live.id, w.target.id] },
  'runtimes.targets.activate': { ids: (w) => [w.live.id, w.target.id] },
  'runtimes.targets.delete': { ids: async (w) => [w.live.id, (await spare.target(w)).id] },

  'runtimes.files.upload': {
    ids: (w) => [w.live.id],
    fields: (w) => ({ file: file('in.txt'), runtimePath: `in/${w.next()}.txt`, metadata: { by: 'test' } }),
    keep: (w, body) => (w.staged = body),
  },
  'runtimes.files.stage': {
    ids: (w) => [w.live.id],
    fields: (w) => ({ fileId: w.file.id, runtimePath: `in/${w.next()}.txt` }),
  },
  'runtimes.files.collect': {
    ids: (w) => [w.live.id],
    fields: (w) => ({ runtimePath: w.staged.runtimePath, destinationPath: `out/${w.next()}.txt`, type: 'report' }),
  },
  'runtimes.files.list': { ids: (w) => [w.live.id] },

  'runtimes.human-actions.create': {
    ids: async (w) => {
      await w.bctrl.runtimes.humanActions.cancel(w.live.id).catch(() => {});
      return [w.live.id];
    },
    fields: () => ({ message: 'Please enter the code', timeoutSeconds: 60 }),
  },
  'runtimes.human-actions.get': { ids: (w) => [w.live.id] },
  'runtimes.human-actions.wait': { ids: pendingHumanAction, fields: () => ({ timeoutSeconds: 1 }) },
  'runtimes.human-actions.complete': { ids: pendingHumanAction },
  'runtimes.human-actions.cancel': { ids: pendingHumanAction },

  'runtimes.invocations.create': { ids: freeRuntime, fields: () => click, keep: (w, body) => (w.invocation = body) },
  'runtimes.invocations.wait': { ids: (w) => [w.live.id, w.invocation.id], fields: () => ({ timeoutSeconds: 20 }) },
  'runtimes.invocations.cancel': {
    ids: async (w) => {
      await w.settled();
      return [w.live.id, (await spare.invocation(w)).id];
    },
  },

  'runs.list': { fields: (w) => ({ status: ['active', 'stopped'], spaceId: w.space.id, runtimeId: w.live.id }) },
  'runs.get': { ids: (w) => [w.run.id] },
  'runs.events.list': { ids: (w) => [w.run.id], fields: () => ({ type: ['navigation', 'runtime.lifecycle'] }) },
  'runs.events.stream': { ids: (w) => [w.run.id] },
  'runs.activity.list': { ids: (w) => [w.run.id], fields: () => ({ view: 'debug', category: ['runtime', 'browser'] }) },
  'runs.activity.stream': { ids: (w) => [w.run.id] },
  'runs.files.list': { ids: (w) => [w.run.id] },
  'runs.files.export': { ids: (w) => [w.run.id], fields: (w) => ({ name: `run-${w.next()}.zip` }) },
  'runs.invocations.list': { ids: (w) => [w.run.id], fields: () => ({ action: ['act'], limit: 10 }) },
  'runs.invocations.get': { ids: (w) => [w.run.id, w.invocation.id] },
  'runs.live': { ids: (w) => [w.run.id], fields: () => ({ control: 'none', expiresInSeconds: 60 }) },
  'runs.recording': { ids: (w) => [w.run.id], fields: () => ({ expiresInSeconds: 60 }) },

  'runtimes.stop': {
    ids: async (w) => {
      const { id } = await spare.runtime(w);
      await w.bctrl.runtimes.start(id);
      return [id];
    },
  },
};
