// Plays the pictures of a run at the times they were taken.
'use strict';
const find = (id) => document.getElementById(id);
const at = find('at');
const clock = (seconds) =>
    `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

const WORDS = {
  not_available: 'Nothing has been recorded of this run.',
  preparing: 'The run goes on; this is what has been recorded so far.',
};

let times = [];
let length = 0;
let drawn = -1;
let playing = false;

// The picture that was to be seen at that time: the last one before it.
function index_at(seconds) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= seconds)
      low = middle + 1;
    else
      high = middle;
  }
  return Math.max(low - 1, 0);
}

function draw() {
  const seconds = Number(at.value);
  find('time').textContent = `${clock(seconds)} / ${clock(length)}`;
  const index = index_at(seconds);
  if (index === drawn) return;
  drawn = index;
  find('picture').src = `frames/${index}`;
}

function play(wanted) {
  playing = wanted;
  find('play').textContent = playing ? 'Pause' : 'Play';
  if (!playing) return;
  if (Number(at.value) >= length) at.value = 0;
  let before = performance.now();
  const step = (now) => {
    if (!playing) return;
    at.value = Number(at.value) + ((now - before) / 1000) * Number(find('speed').value);
    before = now;
    draw();
    if (Number(at.value) >= length)
      play(false);
    else
      requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

async function load() {
  const reply = await fetch('frames');
  if (!reply.ok) {
    find('state').textContent = 'This address shows nothing any more.';
    return;
  }
  const recording = await reply.json();
  times = recording.times;
  length = recording.durationSeconds;
  find('state').textContent = WORDS[recording.status] ?? `${times.length} pictures`;
  if (times.length === 0) return;
  at.max = length;
  at.step = 'any';
  at.value = times[0];
  at.disabled = find('play').disabled = false;
  draw();
}
at.oninput = () => {
  play(false);
  draw();
};
find('play').onclick = () => play(!playing);
load();
