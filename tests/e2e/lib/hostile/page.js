// Runs in the hostile page. Every way that a page has to send a request takes an address and yields what the page could
// read of the answer: null for nothing.

performance.setResourceTimingBufferSize(10_000);

function element(tag, attributes) {
  return new Promise((resolve) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.onload = made.onloadedmetadata = () => resolve(made);
    made.onerror = () => resolve(null);
    document.body.append(made);
  });
}

const loaded = async (tag, attributes) => ((await element(tag, attributes)) ? 'loaded' : null);

// An answer that is no script or no style may load as one; it tells nothing unless it runs or applies.
async function script(src) {
  const before = Object.keys(globalThis);
  await element('script', { src });
  const made = Object.keys(globalThis).filter((name) => !before.includes(name));
  return made.length > 0 ? made.join() : null;
}

async function stylesheet(href) {
  const link = await element('link', { rel: 'stylesheet', href });
  const told = getComputedStyle(document.body).getPropertyValue('--told');
  link?.remove();
  return told || null;
}

const textOf = (frame) => frame?.contentDocument?.body?.textContent ?? null;

async function form(method, action) {
  const name = `frame-${crypto.randomUUID()}`;
  const frame = await element('iframe', { name });
  const answered = new Promise((resolve) => (frame.onload = resolve));
  const sent = Object.assign(document.createElement('form'), { method, action, target: name });
  document.body.append(sent);
  sent.submit();
  await answered;
  return textOf(frame);
}

async function fetched(address, options) {
  const reply = await fetch(address, options);
  return reply.type === 'opaque' ? null : reply.text();
}

function xhr(address) {
  return new Promise((resolve) => {
    const asked = new XMLHttpRequest();
    asked.onload = () => resolve(asked.responseText);
    asked.onerror = () => resolve(null);
    asked.open('GET', address);
    asked.send();
  });
}

function opened(source) {
  return new Promise((resolve) => {
    source.onopen = () => resolve('opened');
    source.onerror = () => resolve(null);
  }).finally(() => source.close());
}

// Chromium holds back the WebSockets of a page whose others failed: each comes after one that opens.
let turn = Promise.resolve();
function webSocket(address) {
  const after = turn.then(() => opened(new WebSocket(FRIEND)));
  turn = after.then(() => opened(new WebSocket(address.replace('http', 'ws'))));
  return turn;
}

/** The end of a request that is not told of otherwise. */
async function asked(address) {
  while (performance.getEntriesByName(address).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return null;
}

async function popup(address) {
  const window = open(address);
  try {
    while (window.location.href === 'about:blank' || window.document.readyState !== 'complete')
      await new Promise((resolve) => setTimeout(resolve, 20));
    return window.document.body.textContent;
  } catch {
    return null; // it is there, and another origin
  } finally {
    window.close();
  }
}

/** As a page without an origin: "null". */
async function sandboxed(address) {
  const script = `
    fetch('${address}', { mode: 'no-cors' }).catch(() => {})
      .then(() => fetch('${address}')).then((reply) => reply.text())
      .catch(() => null).then((text) => parent.postMessage({ address: '${address}', text }, '*'));`;
  const told = new Promise((resolve) => {
    addEventListener('message', ({ data }) => data.address === address && resolve(data.text));
  });
  await element('iframe', { sandbox: 'allow-scripts', srcdoc: `<script>${script}<\/script>` });
  return told;
}

const WAYS = {
  beacon: (address) => navigator.sendBeacon(address) && asked(address),
  image: (address) => loaded('img', { src: address }),
  'redirected image': (address) => loaded('img', { src: `${FRIEND}redirect?${encodeURIComponent(address)}` }),
  script,
  'module script': (address) => import(address).then(() => 'loaded'),
  stylesheet,
  prefetch: (address) => element('link', { rel: 'prefetch', href: address }).then(() => null),
  video: (address) => loaded('video', { src: address }),
  frame: (address) => element('iframe', { src: address }).then(textOf),
  object: (address) => element('object', { data: address }).then(textOf),
  'form GET': (address) => form('GET', address),
  'form POST': (address) => form('POST', address),
  popup,
  sandboxed,
  'fetch GET no-cors': (address) => fetched(address, { mode: 'no-cors' }),
  'fetch POST no-cors': (address) => fetched(address, { mode: 'no-cors', method: 'POST', body: '{}' }),
  'fetch HEAD no-cors': (address) => fetched(address, { mode: 'no-cors', method: 'HEAD' }),
  'fetch GET': (address) => fetched(address),
  'fetch POST': (address) => fetched(address, { method: 'POST', body: '{}' }),
  'fetch PUT': (address) => fetched(address, { method: 'PUT' }),
  'fetch DELETE': (address) => fetched(address, { method: 'DELETE' }),
  XMLHttpRequest: xhr,
  EventSource: (address) => opened(new EventSource(address)),
  WebSocket: webSocket,
};

const ways = Object.keys(WAYS);

function within(ms, promise, otherwise) {
  return Promise.race([promise, new Promise((resolve) => setTimeout(resolve, ms, otherwise))]);
}

/** Yields [{way, address, text}] of what could be read. */
async function attack({ way, addresses }) {
  const tried = addresses.map(async (address) => {
    const text = await within(10_000, WAYS[way](address).catch(() => null), 'no answer');
    return { way, address, text };
  });
  return (await Promise.all(tried)).filter(({ text }) => text !== null);
}
