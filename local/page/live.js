// A viewer of one run. It draws the pictures that come, and while it drives it sends what is done
// to them.
'use strict';
const find = (id) => document.getElementById(id);
const picture = find('picture');
const socket = new WebSocket(new URL('socket', location.href.replace(/^http/, 'ws')));
const say = (message) =>
    socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

let frame = null;  // {width, height, top}: the page's own size, which the picture stands for
let driving = false;
let undrawn = 0;  // frames that wait for their answer

// A picture that comes while another is being loaded takes its place: one event is for both.
picture.onload = picture.onerror = () => {
  for (; undrawn > 0; --undrawn) say({type: 'drawn'});
};

const WHO = {
  cdp: 'A CDP client',
  invocation: 'An invocation',
  human: 'Somebody else'
};

const hear = {
  frame({data, width, height, top}) {
    frame = {width, height, top};
    ++undrawn;
    picture.src = `data:image/jpeg;base64,${data}`;
  },
  control({allowed, held, holder, since}) {
    driving = held;
    document.body.classList.toggle('driving', held);
    find('bar').hidden = !held;
    find('take').hidden = !allowed;
    find('take').textContent = held ? 'Let go' : 'Take control';
    const since_when = since ? ` since ${new Date(since).toLocaleTimeString()}` : '';
    find('state').textContent = held ? 'You drive' :
        holder                       ? `${WHO[holder]} drives${since_when}` :
                                       'You watch';
  },
  pages({pages, shown: now}) {
    find('tabs').replaceChildren(
        ...pages.map(({id, title, url}) => {
          const tab = document.createElement('button');
          tab.textContent = title || url || 'Page';
          tab.setAttribute('aria-current', id === now);
          tab.onclick = () => say({type: 'show', page: id});
          tab.onauxclick = ({button}) => button === 1 && say({type: 'close', page: id});
          return tab;
        }),
    );
    const page = pages.find(({id}) => id === now);
    if (page && document.activeElement !== find('address')) find('address').value = page.url;
    document.title = page?.title ? `${page.title} – live view` : 'Live view';
  },
};
socket.onmessage = ({data}) => {
  const message = JSON.parse(data);
  hear[message.type]?.(message);
};
socket.onclose = ({reason}) => {
  hear.control({allowed: false, held: false});
  find('state').textContent = `Not connected${reason ? `: ${reason}` : ''}`;
};

const modifiers = (event) =>
    event.altKey + 2 * event.ctrlKey + 4 * event.metaKey + 8 * event.shiftKey;
const place = (event) => {
  const box = picture.getBoundingClientRect();
  return {
    x: Math.round(((event.clientX - box.x) / box.width) * frame.width),
    y: Math.round(((event.clientY - box.y) / box.height) * (frame.height + frame.top) - frame.top),
    modifiers: modifiers(event),
  };
};
const BUTTONS = ['left', 'middle', 'right'];

const mouse = (kind) => (event) => {
  if (!driving || !frame) return;
  event.preventDefault();
  const moving = kind === 'move';
  const button = moving ? (event.buttons & 1 ? 'left' : '') : BUTTONS[event.button] ?? '';
  say({
    type: 'mouse',
    kind,
    ...place(event),
    button,
    buttons: event.buttons,
    clicks: moving ? 0 : Math.min(event.detail || 1, 3)
  });
};
picture.addEventListener('mousedown', (event) => {
  picture.focus();
  mouse('down')(event);
});
picture.addEventListener('mouseup', mouse('up'));
let last_move = 0;
picture.addEventListener('mousemove', (event) => {
  if (event.timeStamp - last_move < 16) return;
  last_move = event.timeStamp;
  mouse('move')(event);
});
picture.addEventListener('contextmenu', (event) => driving && event.preventDefault());
picture.addEventListener(
    'wheel',
    (event) => {
      if (!driving || !frame) return;
      event.preventDefault();
      say({type: 'wheel', ...place(event), dx: event.deltaX, dy: event.deltaY});
    },
    {passive: false},
);

const key = (kind) => (event) => {
  if (!driving) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === 'v') return;  // comes as a paste
  event.preventDefault();
  const typed = event.key === 'Enter' ? '\r' : event.key.length === 1 && !command ? event.key : '';
  say({
    type: 'key',
    kind,
    key: event.key,
    code: event.code,
    keyCode: event.keyCode,
    text: typed,
    modifiers: modifiers(event)
  });
};
picture.addEventListener('keydown', key('down'));
picture.addEventListener('keyup', key('up'));
document.addEventListener('paste', (event) => {
  if (!driving || document.activeElement === find('address')) return;
  say({type: 'text', text: event.clipboardData.getData('text/plain')});
});

find('take').onclick = () => say({type: driving ? 'release' : 'take'});
for (const step of ['back', 'forward', 'reload', 'new'])
  find(step).onclick = () => say({type: step});
find('bar').onsubmit = (event) => {
  event.preventDefault();
  const typed = find('address').value.trim();
  say({type: 'go', url: /^(https?:|about:)/.test(typed) ? typed : `https://${typed}`});
  picture.focus();
};
