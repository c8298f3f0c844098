"use strict";
/* One fault told in the twelve steps of the lecture: which event is which step, and what to say of it. */

const STEP_TITLES = [
  "The processor traps",
  "The stub saves the registers and calls C",
  "The address is read from CR2, interrupts are on again",
  "Is the access valid?",
  "A frame for the page",
  "Victims are written by the daemon, not here",
  "The process sleeps, another runs",
  "The read is scheduled",
  "The disk interrupts: the page is in memory",
  "The process is ready again and starts the fault over",
  "The page-table entry is set",
  "Registers are restored, the instruction runs again",
];

const hex = number => "0x" + (number >>> 0).toString(16).padStart(8, "0");

const RESULTS = ["", "no area there: SIGSEGV", "the area forbids it: SIGSEGV", "past the end, or the disk failed: SIGBUS", "told to die meanwhile"];

/* The steps of fault @fault: [{ step, at, text }], in the order in which they happened. */
function stepsOf(model, fault) {
  const K = model.info.kinds, { begin, end, who } = fault, steps = [];
  const address = model.address(begin), write = model.detail(begin) === 1;
  let taken = -1, sector = -1, evicted = 0, evictedAt = -1, ahead = 0, queuedAt = null;
  const say = (step, at, text) => {
    const old = steps.find(s => s.step === step);
    if (old) old.text += "; " + text;
    else steps.push({ step, at, text });
  };

  say(1, begin, `${model.threadName(who, begin)}: ${write ? "a write to" : "a read of"} ${hex(address)}`);
  say(2, begin, "all registers are on the kernel's stack");
  say(3, begin, `CR2 = ${hex(address)}, page ${hex(address & ~4095)}`);
  say(4, begin, fault.kind === 8 ? "no: " + RESULTS[fault.result] : "yes: an area covers it and allows it");
  for (let i = begin + 1; i <= end; i++) {
    const kind = model.kind(i), mine = model.who(i) === who, f = model.frame(i);
    if (kind === K.frame) {
      const from = model.detail(i) & 15, to = model.detail(i) >> 4, nobody = (model.b(i) & 255) === 0;
      if (mine && to === BUSY && nobody && (from === FREE || from === CLEAN)) {
        if (sector >= 0 || (taken >= 0 && from !== FREE && queuedAt === null)) ahead++;
        else {
          taken = f;
          say(5, i, from === FREE ? `frame ${f} is free` : `frame ${f}, the oldest clean one of the pool: its old page loses it`);
        }
      } else if (mine && to === ACTIVE && (from === DIRTY || from === CLEAN)) {
        say(5, i, `the page is still in frame ${f}, in the pool: reclaimed, no I/O`);
      } else if (from === BUSY && (to === ACTIVE || to === CLEAN) && f === taken) {
        if (queuedAt !== null) say(9, i, `frame ${f} is no longer busy`);
      } else if (!mine && from === ACTIVE && (to === DIRTY || to === CLEAN)) {
        if (evicted++ === 0) evictedAt = i;
      }
    } else if (kind === K["fault-wait"] && mine) {
      say(7, i, ["", "waits for a frame", `waits for frame ${f}`, "has slept"][model.detail(i)] ?? "waits");
    } else if (kind === K.switch && mine) {
      say(7, i, `${model.threadName(model.a(i), i)} runs`);
    } else if (kind === K["bio-queued"] && mine && !(model.detail(i) & 1)) {
      if (queuedAt === null) {
        sector = model.address(i);
        queuedAt = i;
        const cause = model.detail(i) >> 1;
        const slot = Math.floor((sector - model.info.swapSector) / 8);
        say(8, i, cause === 1 ? `from swap, slot ${slot}, sector ${sector}` : `from the disk (${CAUSES[cause]}), sector ${sector}`);
      }
    } else if (kind === K["command-done"] && queuedAt !== null && sector >= model.address(i) && sector < model.address(i) + model.a(i)) {
      say(9, i, `${model.a(i)} sectors have been read`);
    } else if (kind === K.wake && model.a(i) === who) {
      say(10, i, "woken");
    } else if (kind === K.copy && mine) {
      say(5, i, `frame ${model.a(i)} is copied into frame ${f}: copy on write`);
    } else if (kind === K.map && mine && model.page[i] === model.page[end]) {
      say(11, i, `page ${hex(model.address(i))} is in frame ${f}${model.detail(i) & 2 ? ", writable" : ""}`);
    } else if (kind === K["fault-end"] && i === end && fault.kind !== 8) {
      if (fault.kind === 2) say(11, i, "the page was there: now it may be written");
      say(12, i, `after ${((model.time(end) - model.time(begin)) / 1000).toFixed(1)} µs: ${FAULT_KINDS[fault.kind]}${fault.major ? ", a major fault" : ""}`);
    }
  }
  if (evicted > 0) say(6, evictedAt, `meanwhile ${evicted} pages were evicted`);
  if (ahead > 0) steps.find(s => s.step === 8).text += `; ${ahead} more pages ahead of it`;
  return steps.sort((x, y) => x.at - y.at || x.step - y.step);
}

/* A line of text for an event. */
function lineOf(model, i) {
  const kind = model.kind(i), d = model.detail(i), f = model.frame(i), K = model.info.kinds;
  const name = kind === 255 ? "LOST" : model.info.kindNames[kind] ?? "?";
  const at = `page ${hex(model.address(i) & ~4095)}`;
  const rest = {
    [K.frame]: () => `${f}: ${STATE_NAMES[d & 15]} → ${STATE_NAMES[d >> 4]}`,
    [K.map]: () => `frame ${f}, ${at}`, [K.unmap]: () => `frame ${f}, ${at}${d & 8 ? ", modified" : ""}`,
    [K.referenced]: () => `frame ${f} gets another round`, [K.dirtied]: () => `frame ${f}`,
    [K["fault-begin"]]: () => `${d ? "write" : "read"} ${hex(model.address(i))}`,
    [K["fault-end"]]: () => FAULT_KINDS[Math.min(d & 15, 8)], [K["fault-wait"]]: () => at,
    [K["bio-queued"]]: () => `${d & 1 ? "write" : "read"} ${CAUSES[d >> 1]}, sector ${model.address(i)}`,
    [K["command-start"]]: () => `${d & 1 ? "write" : "read"} ${model.a(i)} at ${model.address(i)}`,
    [K["command-done"]]: () => `${model.a(i)} at ${model.address(i)}`,
    [K.switch]: () => `to ${model.threadName(model.a(i), i)}`, [K.wake]: () => model.threadName(model.a(i), i),
    [K["slot-alloc"]]: () => `${model.address(i)}, ${model.a(i)} slots`, [K["slot-free"]]: () => `${model.address(i)}`,
    [K.exec]: () => model.text(i), 255: () => `${model.a(i)} events`,
  }[kind];
  return `${(model.time(i) / 1e6).toFixed(4).padStart(11)} ${model.threadName(model.who(i), i).slice(0, 13).padEnd(13)} ${name.padEnd(13)} ${rest ? rest() : ""}`;
}
