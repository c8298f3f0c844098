"use strict";
/* The pictures. Each function draws one canvas from the model as it stands. */

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["back", "card", "line", "text", "faint", "accent", "free", "anon", "anon-hot", "file", "file-hot", "dirty",
    "clean", "read", "write", "pinned", "kernel", "out", "mark", "hand", "ring"])
    colours[name] = style.getPropertyValue("--" + name).trim();
}

/* The canvas's context, scaled to the screen, cleared; its size is [width, @height] in CSS pixels. */
function prepare(id, height) {
  const canvas = document.getElementById(id), ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.style.height = height + "px";
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width];
}

/* A colour for a process: neighbours differ. */
function hueOf(pid) {
  return `hsl(${(pid * 137.5) % 360} 60% ${document.documentElement.classList.contains("dark") ? 58 : 50}%)`;
}

function frameColour(model, f, byOwner) {
  const state = model.state[f], flags = model.flags[f];
  switch (state) {
  case FREE: return colours.free;
  case DIRTY: return colours.dirty;
  case CLEAN: return colours.clean;
  case BUSY: return flags & 4 ? colours.write : colours.read;
  case PINNED: return colours.pinned;
  case KERNEL: return colours.kernel;
  }
  if (byOwner) return model.framePage[f] >= 0 ? hueOf(model.pagePid[model.framePage[f]]) : colours.kernel;
  const hot = flags & 1 ? "-hot" : "";
  return colours[(model.owner[f] === 2 ? "file" : "anon") + hot];
}

/* --- the frame table --- */

const frameGrid = { cell: 8, columns: 1 };

function drawFrames(model, shown, byOwner, mark) {
  const wide = document.getElementById("frames").clientWidth;
  const cell = Math.max(4, Math.min(28, Math.floor(Math.sqrt(wide * 400 / shown.length))));
  const columns = Math.max(1, Math.floor(wide / cell)), rows = Math.ceil(shown.length / columns);
  const [g] = prepare("frames", rows * cell + 4), inner = cell > 6 ? cell - 1.5 : cell - 0.5;
  Object.assign(frameGrid, { cell, columns });
  for (let n = 0; n < shown.length; n++) {
    const f = shown[n], x = n % columns * cell, y = Math.floor(n / columns) * cell;
    g.fillStyle = frameColour(model, f, byOwner);
    g.fillRect(x, y, inner, inner);
    if (model.flags[f] & 2 && model.state[f] !== FREE) { /* modified: a corner */
      g.fillStyle = colours.mark;
      g.beginPath();
      g.moveTo(x + inner, y);
      g.lineTo(x + inner, y + inner * 0.45);
      g.lineTo(x + inner * 0.55, y);
      g.fill();
    }
  }
  ring(g, shown.indexOf(model.scalars.hand), colours.hand, 2);
  ring(g, shown.indexOf(mark), colours.ring, 3);
}

function ring(g, n, colour, width) {
  if (n < 0) return;
  const { cell, columns } = frameGrid;
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.strokeRect(n % columns * cell - 1, Math.floor(n / columns) * cell - 1, cell + 0.5, cell + 0.5);
}

/* --- address spaces --- */

/* The pages of each process in order, with the gaps: [{ pid, pages }]. */
function layOutSpaces(model) {
  const spaces = new Map();
  for (let page = 0; page < model.pagePid.length; page++) {
    const pid = model.pagePid[page];
    if (!spaces.has(pid)) spaces.set(pid, []);
    spaces.get(pid).push(page);
  }
  for (const pages of spaces.values()) pages.sort((x, y) => model.pageAddress[x] - model.pageAddress[y]);
  return [...spaces.entries()].sort((x, y) => x[0] - y[0]).map(([pid, pages]) => ({ pid, pages }));
}

function pageColour(model, page) {
  const frame = model.pageFrame[page];
  switch (model.pageState[page]) {
  case PAGE_NONE: return colours.free;
  case PAGE_OUT: return colours.out;
  }
  if (frame >= 0 && model.state[frame] !== ACTIVE) return frameColour(model, frame, false);
  return frame >= 0 && model.owner[frame] === 2 ? colours["file-hot"] : colours["anon-hot"];
}

const spaceCells = []; /* [x, y, page], for what the mouse points at */

function drawSpaces(model, spaces, current) {
  const canvas = document.getElementById("spaces"), wide = canvas.clientWidth, label = 118;
  const alive = spaces.filter(s => spaces.length <= 8 || s.pages.some(p => model.pageState[p] !== PAGE_NONE)).slice(0, 24);
  const total = alive.reduce((sum, s) => sum + s.pages.length, 0), cell = total > 12000 ? 4 : total > 6000 ? 5 : total > 2500 ? 7 : 9;
  const cells = [], rows = [];
  let y = 0;
  for (const space of alive) {
    let x = label, last = -1;
    const top = y;
    for (const page of space.pages) {
      if (last >= 0 && model.pageAddress[page] !== last + 4096) x += 5;
      if (x + cell > wide) {
        x = label;
        y += cell;
      }
      cells.push(x, y, page);
      x += cell;
      last = model.pageAddress[page];
    }
    y = Math.max(y + cell, top + 30) + 8;
    rows.push([space, top]);
  }
  const [g] = prepare("spaces", Math.max(y, 20));
  for (let i = 0; i < cells.length; i += 3) {
    g.fillStyle = pageColour(model, cells[i + 2]);
    g.fillRect(cells[i], cells[i + 1], cell - 0.8, cell - 0.8);
  }
  for (const [space, top] of rows) labelSpace(g, model, space, top);
  for (let i = 0; i < cells.length; i += 3)
    if (cells[i + 2] === current) {
      g.strokeStyle = colours.ring;
      g.lineWidth = 3;
      g.strokeRect(cells[i] - 2, cells[i + 1] - 2, cell + 3, cell + 3);
    }
  spaceCells.splice(0, spaceCells.length, cell, cells);
}

function labelSpace(g, model, space, top) {
  let resident = 0, out = 0;
  for (const page of space.pages) {
    resident += model.pageState[page] === PAGE_MAPPED;
    out += model.pageState[page] === PAGE_OUT;
  }
  const running = model.threadPid.get(model.scalars.running) === space.pid;
  g.fillStyle = running ? colours.accent : colours.text;
  g.font = "600 12px system-ui, sans-serif";
  g.fillText(`${running ? "▶ " : ""}${model.name(space.pid, model.at).slice(0, 12)}[${space.pid}]`, 0, top + 10);
  g.fillStyle = colours.faint;
  g.font = "11px system-ui, sans-serif";
  g.fillText(`${resident} in, ${out} out`, 0, top + 25);
}

/* --- swap --- */

function drawSwap(model, most) {
  const wide = document.getElementById("swap").clientWidth, slots = Math.max(most + 1, 1);
  const each = Math.max(1, Math.ceil(slots / 4000)), cell = slots / each > 1500 ? 7 : 10;
  const columns = Math.floor(wide / cell), cells = Math.ceil(slots / each), rows = Math.ceil(cells / columns);
  const [g] = prepare("swap", rows * cell + 2);
  const writing = new Set(model.queue.filter(bio => bio.cause === 1).map(bio =>
    Math.floor((bio.sector - model.info.swapSector) / 8 / each) * (bio.write ? 1 : -1)));
  for (let n = 0; n < cells; n++) {
    let used = 0;
    for (let slot = n * each; slot < Math.min((n + 1) * each, slots); slot++) used += model.slots[slot];
    g.globalAlpha = used ? 0.35 + 0.65 * used / each : 1;
    g.fillStyle = n > 0 && writing.has(n) ? colours.write : n > 0 && writing.has(-n) ? colours.read : used ? colours.out : colours.free;
    g.fillRect(n % columns * cell, Math.floor(n / columns) * cell, cell - 1, cell - 1);
  }
  g.globalAlpha = 1;
  document.getElementById("swap-note").textContent =
    `${model.scalars.swapUsed} of ${model.info.slots - 1} slots in use` + (each > 1 ? `, ${each} slots a cell` : "") +
    `; shown up to the last one ever used`;
}

/* --- the disk --- */

function drawDisk(model, extent) {
  const [g, wide] = prepare("disk", 74), scale = wide / extent, y = 40;
  const swapAt = model.info.swapSector * scale;
  g.fillStyle = colours.free;
  g.fillRect(0, y, wide, 14);
  g.fillStyle = colours.out;
  g.globalAlpha = 0.45;
  g.fillRect(swapAt, y, wide - swapAt, 14);
  g.globalAlpha = 1;
  g.fillStyle = colours.faint;
  g.font = "11px system-ui, sans-serif";
  g.fillText("file system", 2, y + 28);
  if (swapAt < wide - 30) g.fillText("swap", Math.max(80, swapAt + 2), y + 28);
  for (const bio of model.queue) {
    g.fillStyle = bio.write ? colours.write : colours.read;
    g.fillRect(bio.sector * scale, y - 18, Math.max(2, bio.sectors * scale), 14);
  }
  if (model.command && !model.command.flush) {
    g.fillStyle = model.command.write ? colours.write : colours.read;
    g.fillRect(model.command.sector * scale - 1, y, Math.max(3, model.command.sectors * scale), 14);
  }
  const text = model.command ? `${model.command.flush ? "flush" : model.command.write ? "writes" : "reads"} ` +
    `${model.command.sectors} sectors at ${model.command.sector}` : "idle";
  document.getElementById("disk-note").textContent = `${text}; ${model.queue.length} transfers under way`;
}

/* --- the timeline --- */

function drawTimeline(model) {
  const [g, wide] = prepare("timeline", 42), { available, major, swap } = model.line;
  const area = (values, colour, alpha) => {
    const most = Math.max(1, values.reduce((a, b) => Math.max(a, b), 0));
    g.fillStyle = colour;
    g.globalAlpha = alpha;
    g.beginPath();
    g.moveTo(0, 42);
    for (let b = 0; b < values.length; b++) g.lineTo((b + 0.5) / values.length * wide, 42 - values[b] / most * 38);
    g.lineTo(wide, 42);
    g.fill();
    g.globalAlpha = 1;
  };
  area(swap, colours.out, 0.5);
  area(available, colours.clean, 0.55);
  area(major, colours.read, 0.75);
  const duration = Math.max(1, model.time(model.count - 1) - model.time(0));
  g.fillStyle = colours.accent;
  g.fillRect((model.time(model.at) - model.time(0)) / duration * wide - 1, 0, 2, 42);
  g.fillStyle = colours.faint;
  g.font = "11px system-ui, sans-serif";
  g.fillText("available frames, major faults, slots in use", 4, 11);
}
