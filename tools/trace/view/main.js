"use strict";
/* Controls: the place in the trace, the fault looked at, playing. */

const $ = id => document.getElementById(id);
const NOTHING = { begin: 0, end: 0, who: 0, kind: 0, none: true };

const view = {
  model: null, shown: [], spaces: [], mostSlot: 0, extent: 1,
  fault: null, steps: [], playing: false, carry: 0, last: 0,
};

/* --- where we are --- */

const wanted = {
  all: () => true, major: f => f.major, reclaim: f => f.kind === 3, copy: f => f.kind === 7, zero: f => f.kind === 4,
  bad: f => f.kind === 8,
};

/* The last fault that has begun at event @at, whatever it is; the first one before that. */
function faultAt(at) {
  const faults = view.model.faults;
  let low = 0, high = faults.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (faults[middle].begin <= at) low = middle;
    else high = middle - 1;
  }
  return faults[low] ?? NOTHING;
}

function choose(fault) {
  view.fault = fault;
  view.steps = fault.none ? [] : stepsOf(view.model, fault);
}

function go(at, fault = faultAt(at)) {
  view.model.seek(at);
  if (fault !== view.fault) choose(fault);
  draw();
}

/* The next fault (@way 1) or the one before (-1) of the chosen sort. */
function anotherFault(way) {
  const { faults } = view.model, sort = wanted[$("which").value];
  for (let n = faults.indexOf(view.fault) + way; n >= 0 && n < faults.length; n += way)
    if (sort(faults[n])) return faults[n];
  return null;
}

function goFault(way) {
  const fault = anotherFault(way);
  if (fault) go(fault.begin, fault);
  return fault !== null;
}

/* One step of the fault; past the last, the next fault. */
function goStep(way) {
  const { model, steps, fault } = view;
  const places = steps.filter(s => way > 0 ? s.at > model.at : s.at < model.at);
  if (places.length > 0) go((way > 0 ? places[0] : places[places.length - 1]).at, fault);
  else if (way < 0 && anotherFault(-1)) {
    const before = anotherFault(-1);
    go(before.end, before);
  } else return goFault(way);
  return true;
}

/* --- what is seen --- */

function drawSteps() {
  const { model, fault, steps } = view, list = $("steps"), bad = fault.kind === 8;
  const reached = steps.filter(s => s.at <= model.at).length;
  list.replaceChildren(...STEP_TITLES.map((title, n) => {
    const step = steps.find(s => s.step === n + 1), item = document.createElement("li");
    const number = document.createElement("b"), text = document.createElement("small");
    number.textContent = n + 1;
    item.append(number, title);
    if (step) {
      text.textContent = step.text;
      item.append(text);
      item.className = step.at <= model.at ? "done" : "future";
      if (step === steps[reached - 1]) item.className += " now";
      item.onclick = () => go(step.at, fault);
    } else item.className = bad || n !== 5 ? "skipped" : "future skipped";
    return item;
  }));
  $("fault-note").textContent = fault.none ? "" :
    `number ${model.faults.indexOf(fault) + 1} of ${model.faults.length}: ${FAULT_KINDS[fault.kind]}`;
}

function drawNumbers() {
  const { counts, kinds, scalars } = view.model;
  const values = [["free", counts[FREE]], ["active", counts[ACTIVE]], ["pool, clean", counts[CLEAN]], ["pool, dirty", counts[DIRTY]],
    ["busy", counts[BUSY]], ["evictions", scalars.evictions], ["disk reads", scalars.reads], ["disk writes", scalars.writes],
    ...["zero", "swap", "file", "reclaim"].map(kind => ["fault: " + kind, kinds[FAULT_KINDS.indexOf(kind)]])];
  $("numbers").replaceChildren(...values.map(([name, value]) => {
    const box = document.createElement("div"), number = document.createElement("b");
    number.textContent = value.toLocaleString("en");
    box.append(number, name);
    return box;
  }));
}

function drawLog() {
  const { model } = view, lines = [];
  for (let i = Math.max(0, model.at - 8); i <= Math.min(model.count - 1, model.at + 5); i++) {
    const line = document.createElement("div");
    line.textContent = lineOf(model, i);
    if (i === model.at) line.className = "here";
    lines.push(line);
  }
  $("log").replaceChildren(...lines);
}

function draw() {
  const { model } = view, page = view.fault.none ? -1 : model.page[view.fault.begin];
  drawFrames(model, view.shown, $("colour").value === "owner", page >= 0 ? model.pageFrame[page] : -1);
  drawSpaces(model, view.spaces, page);
  drawSwap(model, view.mostSlot);
  drawDisk(model, view.extent);
  drawTimeline(model);
  drawSteps();
  drawNumbers();
  drawLog();
  $("slider").value = model.at;
  $("time").textContent = `event ${(model.at + 1).toLocaleString("en")} of ${model.count.toLocaleString("en")}, ${(model.time(model.at) / 1e6).toFixed(3)} ms`;
  tell();
}

/* What tests look at. */
function tell() {
  const { model } = view;
  Object.assign(document.body.dataset, {
    at: model.at, events: model.count, faults: model.faults.length, fault: model.faults.indexOf(view.fault),
    states: [...model.counts].join(" "), kinds: [...model.kinds].join(" "), evictions: model.scalars.evictions,
    swap: model.scalars.swapUsed, lost: model.scalars.lost, steps: view.steps.map(s => s.step).join(" "),
  });
}

function legend(id, entries) {
  $(id).replaceChildren(...entries.map(([colour, text]) => {
    const entry = document.createElement("span"), patch = document.createElement("i");
    patch.style.background = `var(--${colour})`;
    entry.append(patch, text);
    return entry;
  }));
}

/* --- playing --- */

function play(on) {
  view.playing = on;
  $("play").textContent = on ? "❚❚ pause" : "▶ play";
  view.last = performance.now();
  view.carry = 0;
  if (on) requestAnimationFrame(advance);
}

/* Steps that are due since the last picture; at high speed several faults are passed at once. */
function advance(now) {
  if (!view.playing) return;
  view.carry += (now - view.last) / 1000 * Number($("speed").value);
  view.last = now;
  let due = Math.min(Math.floor(view.carry), 4000);
  view.carry -= due;
  if (due >= 20) {
    for (; due >= 10; due -= 10) {
      const fault = anotherFault(1);
      if (!fault) break;
      view.fault = fault;
    }
    go(view.fault.end, view.fault);
    choose(view.fault);
    if (!anotherFault(1)) play(false);
  } else for (; due > 0; due--) if (!goStep(1)) play(false);
  if (view.playing) requestAnimationFrame(advance);
}

/* --- what the mouse points at --- */

function tip(event, text) {
  const box = $("tip");
  box.style.display = text ? "block" : "none";
  box.textContent = text;
  box.style.left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8) + "px";
  box.style.top = event.clientY + 16 + "px";
}

function pageText(page) {
  const { model } = view, pid = model.pagePid[page], frame = model.pageFrame[page];
  return `${model.name(pid, model.at)}[${pid}], page ${hex(model.pageAddress[page])}` +
    (frame >= 0 ? `\nin frame ${frame}` : ["\nnot there", "", "", "\noutside memory"][model.pageState[page]]);
}

function frameTip(event) {
  const { model, shown } = view, { cell, columns } = frameGrid;
  const f = shown[Math.floor(event.offsetY / cell) * columns + Math.min(columns - 1, Math.floor(event.offsetX / cell))];
  if (f === undefined) return tip(event, "");
  const flags = model.flags[f], page = model.framePage[f];
  tip(event, `frame ${f}: ${STATE_NAMES[model.state[f]]}${flags & 1 ? ", referenced" : ""}${flags & 2 ? ", modified" : ""}` +
    (model.owner[f] === 2 ? "\na page of a file" : "") + (page >= 0 ? "\n" + pageText(page) : ""));
}

function spaceTip(event) {
  const [cell, cells] = spaceCells;
  for (let i = 0; i < cells.length; i += 3)
    if (event.offsetX >= cells[i] && event.offsetX < cells[i] + cell && event.offsetY >= cells[i + 1] && event.offsetY < cells[i + 1] + cell)
      return tip(event, pageText(cells[i + 2]));
  tip(event, "");
}

/* --- start --- */

function wire() {
  $("slider").oninput = () => go(Number($("slider").value));
  $("step").onclick = () => goStep(1);
  $("step-back").onclick = () => goStep(-1);
  $("fault").onclick = () => goFault(1);
  $("fault-back").onclick = () => goFault(-1);
  $("play").onclick = () => play(!view.playing);
  $("colour").onchange = draw;
  $("theme").onclick = () => theme(!document.documentElement.classList.contains("dark"));
  $("timeline").onclick = event => {
    const { model } = view, first = model.time(0), time = first + event.offsetX / $("timeline").clientWidth * (model.time(model.count - 1) - first);
    let low = 0, high = model.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (model.time(middle) < time) low = middle + 1;
      else high = middle;
    }
    go(low);
  };
  $("frames").onmousemove = frameTip;
  $("spaces").onmousemove = spaceTip;
  $("frames").onmouseleave = $("spaces").onmouseleave = event => tip(event, "");
  window.onresize = draw;
  window.onhashchange = () => location.reload();
  document.onkeydown = event => {
    const keys = { ArrowRight: () => goStep(1), ArrowLeft: () => goStep(-1), ArrowDown: () => goFault(1), ArrowUp: () => goFault(-1),
      " ": () => play(!view.playing) };
    if (!keys[event.key] || event.target.tagName === "SELECT" || (event.target.tagName === "INPUT" && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    keys[event.key]();
  };
}

function theme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  readColours();
  draw();
}

function describe(info) {
  $("title").textContent = info.title;
  document.title = info.title;
  const { model } = view;
  $("what").textContent = `${model.count.toLocaleString("en")} events, ${model.faults.length.toLocaleString("en")} faults, ` +
    `${(model.time(model.count - 1) / 1e9).toFixed(2)} s; ${info.pageable} pageable frames, pool from ${info.low} to ${info.high}` +
    (info.lost ? `; ${info.lost.toLocaleString("en")} events were lost` : "");
  $("frames-note").textContent = "one cell a frame; ring: the clock hand; pink ring: the page of this fault; corner: modified";
  legend("frames-legend", [["free", "free"], ["anon-hot", "anonymous, referenced"], ["anon", "anonymous"], ["file-hot", "of a file, referenced"],
    ["file", "of a file"], ["dirty", "pool: dirty"], ["clean", "pool: clean"], ["read", "being read"], ["write", "being written"],
    ["pinned", "pinned"], ["kernel", "kernel"]]);
  legend("spaces-legend", [["anon-hot", "mapped"], ["file-hot", "mapped, of a file"], ["clean", "in the pool, clean"], ["dirty", "in the pool, dirty"],
    ["read", "being read"], ["write", "being written"], ["out", "outside: on swap, or in its file"], ["free", "nowhere"]]);
}

/* What the address bar asks for: #event=N|end, fault=N, which=, colour=, theme=dark|light; for tests measure, walk, check. */
function obey(parameters) {
  const { model } = view, fault = model.faults[Number(parameters.get("fault")) - 1];
  for (const name of ["which", "colour"]) if (parameters.has(name)) $(name).value = parameters.get(name);
  const at = parameters.get("event");
  if (fault) go(at === null ? fault.end : Number(at), fault);
  else if (at !== null) go(at === "end" ? model.count - 1 : Number(at));
  else {
    const first = model.faults.find(f => f.major) ?? model.faults[0];
    go(first ? first.begin : 0);
  }
  if (parameters.has("measure")) measure();
  if (parameters.has("walk")) walk(Number(parameters.get("walk")));
  if (parameters.has("check")) check(Number(parameters.get("check")));
}

/* Presses the button of the next step so many times: the events at which it stopped. */
function walk(presses) {
  const places = [view.model.at];
  for (let n = 0; n < presses; n++) {
    $("step").click();
    places.push(view.model.at);
  }
  document.body.dataset.walk = places.join(" ");
}

/* How many of @count places look the same by way of a copy as by the whole replay. */
function check(count) {
  const { model } = view, places = Array.from({ length: count }, (_, n) => Math.floor((n * 0.618034 % 1) * (model.count - 1)));
  const picture = () => JSON.stringify(model.snapshot(), (_, value) => ArrayBuffer.isView(value) ? [...value].join() : value);
  const jumped = places.map(place => (model.seek(place), picture()));
  let same = 0;
  model.restore(model.snapshots[0]);
  for (const n of places.map((_, index) => index).sort((x, y) => places[x] - places[y])) {
    while (model.at < places[n]) model.apply(model.at + 1);
    same += picture() === jumped[n];
  }
  document.body.dataset.check = `${same} of ${count}`;
}

/* What a picture of any place takes: the mean and the longest of some, in milliseconds, and the most events applied. */
function measure() {
  const times = [];
  let most = 0;
  for (let n = 0; n < 40; n++) {
    const begin = performance.now(), applied = view.model.applied;
    go(Math.floor((n * 0.618034 % 1) * (view.model.count - 1)));
    times.push(performance.now() - begin);
    most = Math.max(most, view.model.applied - applied);
  }
  document.body.dataset.most = most;
  document.body.dataset.mean = (times.reduce((a, b) => a + b) / times.length).toFixed(1);
  document.body.dataset.longest = Math.max(...times).toFixed(1);
}

function start(info, base64) {
  const begin = performance.now(), parameters = new URLSearchParams(location.hash.slice(1));
  const model = view.model = new Model(decode(base64), info);
  document.body.dataset.load = (performance.now() - begin).toFixed(0);
  document.body.dataset.applied = model.applied;
  view.shown = [];
  for (let f = 0; f < info.frames; f++) if (model.flags[f] & 8) view.shown.push(f);
  view.spaces = layOutSpaces(model);
  for (let i = 0; i < model.count; i++) {
    const kind = model.kind(i);
    if (kind === info.kinds["slot-alloc"]) view.mostSlot = Math.max(view.mostSlot, model.address(i) + model.a(i) - 1);
    if (kind === info.kinds["bio-queued"]) view.extent = Math.max(view.extent, model.address(i) + model.a(i));
  }
  view.mostSlot = Math.min(view.mostSlot, info.slots - 1);
  $("slider").max = model.count - 1;
  const wish = parameters.get("theme");
  document.documentElement.classList.toggle("dark", wish ? wish === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  readColours();
  describe(info);
  wire();
  obey(parameters);
  document.body.dataset.ready = "yes";
}
