"use strict";
/*
 * The machine as the trace tells it. The events are replayed one by one; copies of all state, at intervals, make
 * it quick to go anywhere. Events are six words each: time, kind | detail << 8 | thread << 16, frame, address, a, b.
 */

const FREE = 0, ACTIVE = 1, DIRTY = 2, CLEAN = 3, BUSY = 4, PINNED = 5, KERNEL = 6;
const STATE_NAMES = ["free", "active", "pool, dirty", "pool, clean", "busy", "pinned", "kernel"];
const FAULT_KINDS = ["spurious", "resident", "upgrade", "reclaim", "zero", "swap", "file", "copy", "bad"];
const CAUSES = ["file", "swap", "metadata", "raw"];
const PAGE_NONE = 0, PAGE_MAPPED = 1, PAGE_UNMAPPED = 2, PAGE_OUT = 3;
const WORDS = 6, SNAPSHOTS = 64, LEAST_INTERVAL = 2048, BUCKETS = 1200;

function decode(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Uint32Array(bytes.buffer);
}

class Model {
  constructor(words, info) {
    this.words = words;
    this.info = info;
    this.count = words.length / WORDS;
    this.interval = Math.max(LEAST_INTERVAL, Math.ceil(this.count / SNAPSHOTS));
    this.nameThings();
    this.clear();
    this.applied = 0; /* events, since the page was loaded: what showing a place costs */
    this.replayAll();
  }

  time(i) { return this.words[i * WORDS] * this.info.unit; } /* nanoseconds */
  kind(i) { return this.words[i * WORDS + 1] & 255; }
  detail(i) { return this.words[i * WORDS + 1] >>> 8 & 255; }
  who(i) { return this.words[i * WORDS + 1] >>> 16; }
  frame(i) { return this.words[i * WORDS + 2]; }
  address(i) { return this.words[i * WORDS + 3]; }
  a(i) { return this.words[i * WORDS + 4]; }
  b(i) { return this.words[i * WORDS + 5]; }

  text(i) {
    let text = "";
    for (let n = 3; n < 6; n++)
      for (let word = this.words[i * WORDS + n]; word !== 0; word >>>= 8) text += String.fromCharCode(word & 255);
    return text;
  }

  /* Pages, faults and names, once. */
  nameThings() {
    const K = this.info.kinds, index = new Map(), pids = [], addresses = [];
    this.page = new Int32Array(this.count).fill(-1);
    this.faults = [];
    this.names = []; /* [event, pid or thread, name, of a thread] */
    this.threadPid = new Map();
    const open = new Map();
    for (let i = 0; i < this.count; i++) {
      const kind = this.kind(i);
      if (kind === K.map || kind === K.unmap || kind === K["fault-begin"] || kind === K["fault-end"]) {
        const pid = this.a(i), number = this.address(i) >>> 12, key = pid * 1048576 + number;
        let page = index.get(key);
        if (page === undefined) {
          index.set(key, page = pids.length);
          pids.push(pid);
          addresses.push(number * 4096);
        }
        this.page[i] = page;
      }
      if (kind === K["fault-begin"]) open.set(this.who(i), i);
      if (kind === K["fault-end"] && open.has(this.who(i))) {
        const detail = this.detail(i);
        this.faults.push({ begin: open.get(this.who(i)), end: i, who: this.who(i), pid: this.a(i),
          kind: Math.min(detail & 15, 8), major: (detail & 24) === 16, result: (detail & 15) - 8 });
        if (!this.threadPid.has(this.who(i))) this.threadPid.set(this.who(i), this.a(i));
        open.delete(this.who(i));
      }
      if (kind === K.exec) this.names.push([i, this.frame(i), this.text(i)]);
      if (kind === K.name) this.names.push([i, this.frame(i), this.text(i)]);
      if (kind === K.fork) {
        this.threadPid.set(this.b(i), this.a(i));
        const parent = this.threadPid.get(this.who(i));
        if (this.detail(i) === 0 && parent !== undefined) this.names.push([i, this.a(i), this.name(parent, i)]);
      }
    }
    this.faults.sort((x, y) => x.begin - y.begin);
    this.pagePid = Int32Array.from(pids);
    this.pageAddress = Float64Array.from(addresses);
  }

  /* The name of a process, or of a kernel thread, at event @at. */
  name(id, at = this.count) {
    let name = "";
    for (const [event, whose, text] of this.names) if (whose === id && (event <= at || name === "")) name = text;
    return name;
  }

  threadName(who, at) {
    if (who >= 0x8000) return this.name(who, at) || "kernel";
    const pid = this.threadPid.get(who) ?? who;
    return `${this.name(pid, at)}[${pid}]`;
  }

  clear() {
    const frames = this.info.frames;
    this.state = new Uint8Array(frames).fill(KERNEL);
    this.owner = new Uint8Array(frames);
    this.flags = new Uint8Array(frames); /* 1 referenced, 2 modified, 4 being written, 8 pageable, 16 read ahead */
    this.framePage = new Int32Array(frames).fill(-1);
    this.pageState = new Uint8Array(this.pagePid.length);
    this.pageFrame = new Int32Array(this.pagePid.length).fill(-1);
    this.slots = new Uint8Array(this.info.slots);
    this.kinds = new Int32Array(9);
    this.counts = new Int32Array(7);
    this.scalars = { hand: -1, running: 0x8000, evictions: 0, swapUsed: 0, reads: 0, writes: 0, lost: 0 };
    this.queue = [];
    this.command = null;
    this.inFault = new Map();
    this.at = -1;
  }

  snapshot() {
    return { at: this.at, state: this.state.slice(), owner: this.owner.slice(), flags: this.flags.slice(),
      framePage: this.framePage.slice(), pageState: this.pageState.slice(), pageFrame: this.pageFrame.slice(),
      slots: this.slots.slice(), kinds: this.kinds.slice(), counts: this.counts.slice(),
      scalars: { ...this.scalars }, queue: this.queue.slice(), command: this.command, inFault: new Map(this.inFault) };
  }

  restore(from) {
    for (const name of ["state", "owner", "flags", "framePage", "pageState", "pageFrame", "slots", "kinds", "counts"])
      this[name].set(from[name]);
    this.scalars = { ...from.scalars };
    this.queue = from.queue.slice();
    this.command = from.command;
    this.inFault = new Map(from.inFault);
    this.at = from.at;
  }

  /* All of it, once: the copies, and what the timeline shows. */
  replayAll() {
    const duration = Math.max(1, this.time(this.count - 1) - this.time(0)), K = this.info.kinds;
    this.snapshots = [this.snapshot()];
    this.line = { available: new Float32Array(BUCKETS), major: new Float32Array(BUCKETS), swap: new Float32Array(BUCKETS) };
    let last = 0;
    for (let i = 0; i < this.count; i++) {
      this.apply(i);
      if ((i + 1) % this.interval === 0) this.snapshots.push(this.snapshot());
      const bucket = Math.min(BUCKETS - 1, Math.floor((this.time(i) - this.time(0)) / duration * BUCKETS));
      for (let b = last; b <= bucket; b++) {
        this.line.available[b] = this.counts[FREE] + this.counts[CLEAN];
        this.line.swap[b] = this.scalars.swapUsed;
      }
      if (this.kind(i) === K["fault-end"] && (this.detail(i) & 24) === 16) this.line.major[bucket]++;
      last = bucket;
    }
  }

  /* Brings the state to what it was just after event @i. */
  seek(i) {
    i = Math.max(0, Math.min(this.count - 1, i));
    if (i < this.at || i - this.at > this.interval) {
      const snapshot = this.snapshots[Math.floor((i + 1) / this.interval)];
      if (i < this.at || snapshot.at > this.at) this.restore(snapshot);
    }
    while (this.at < i) this.apply(this.at + 1);
  }

  setPage(page, state, frame) {
    this.pageState[page] = state;
    this.pageFrame[page] = frame;
  }

  applyFrame(i) {
    const f = this.frame(i), from = this.detail(i) & 15, to = this.detail(i) >> 4, b = this.b(i), page = this.framePage[f];
    if (f >= this.state.length) return;
    if (this.flags[f] & 8) {
      this.counts[this.state[f]]--;
      this.counts[to]++;
    }
    this.state[f] = to;
    this.owner[f] = b & 255;
    this.flags[f] = this.flags[f] & 9 | (b >>> 8 & 255 ? 2 : 0) | (b >>> 16 & 255 ? 4 : 0) | (b >>> 24 ? 16 : 0);
    if (to === ACTIVE) this.flags[f] |= 1;
    if (from === ACTIVE && (to === DIRTY || to === CLEAN)) {
      this.scalars.evictions++;
      this.scalars.hand = f;
    }
    if ((to === FREE || (b & 255) === 0) && page >= 0) { /* the page has lost the frame: it is outside, or gone */
      if (this.pageFrame[page] === f) this.setPage(page, to === FREE ? PAGE_NONE : PAGE_OUT, -1);
      this.framePage[f] = -1;
    }
  }

  applyMapping(i, mapped) {
    const f = this.frame(i), page = this.page[i];
    if (f >= this.state.length) return;
    if (this.detail(i) & 8) this.flags[f] |= 2;
    if (mapped) this.flags[f] |= 1;
    this.framePage[f] = page;
    this.setPage(page, mapped ? PAGE_MAPPED : PAGE_UNMAPPED, f);
  }

  /* A process has ended, or begins another program: what it had outside memory is gone. */
  forgetPages(pid) {
    for (let page = 0; page < this.pagePid.length; page++)
      if (this.pagePid[page] === pid && this.pageState[page] === PAGE_OUT) this.pageState[page] = PAGE_NONE;
  }

  applyDisk(i) {
    const K = this.info.kinds, sector = this.address(i), sectors = this.a(i);
    switch (this.kind(i)) {
    case K["bio-queued"]:
      this.queue.push({ sector, sectors, write: this.detail(i) & 1, cause: this.detail(i) >> 1, frame: this.frame(i) });
      break;
    case K["command-start"]:
      this.command = { sector, sectors, write: this.detail(i) & 1, flush: this.detail(i) & 2, bios: this.b(i) };
      break;
    case K["command-done"]:
      this.queue = this.queue.filter(bio => bio.sector < sector || bio.sector + bio.sectors > sector + sectors);
      this.scalars[this.detail(i) & 1 ? "writes" : "reads"]++;
      this.command = null;
      break;
    }
  }

  applySlots(i, used) {
    const first = this.address(i), count = this.a(i);
    for (let slot = first; slot < first + count && slot < this.slots.length; slot++) this.slots[slot] = used;
    this.scalars.swapUsed += used ? count : -count;
  }

  apply(i) {
    const K = this.info.kinds, f = this.frame(i);
    this.at = i;
    this.applied++;
    switch (this.kind(i)) {
    case K.frame: this.applyFrame(i); break;
    case K.map: this.applyMapping(i, true); break;
    case K.unmap: this.applyMapping(i, false); break;
    case K.referenced:
      this.flags[f] &= ~1;
      this.scalars.hand = f;
      break;
    case K.dirtied: this.flags[f] |= 2; break;
    case K["bio-queued"]: case K["command-start"]: case K["command-done"]: this.applyDisk(i); break;
    case K["slot-alloc"]: this.applySlots(i, 1); break;
    case K["slot-free"]: this.applySlots(i, 0); break;
    case K.switch: this.scalars.running = this.a(i); break;
    case K["fault-begin"]: this.inFault.set(this.who(i), i); break;
    case K["fault-end"]:
      this.kinds[Math.min(this.detail(i) & 15, 8)]++;
      this.inFault.delete(this.who(i));
      break;
    case K.exec: this.forgetPages(f); break;
    case K.exit: if (this.detail(i)) this.forgetPages(this.a(i)); break;
    case K.frames:
      for (let n = f; n < f + this.a(i) && n < this.state.length; n++) {
        this.state[n] = this.detail(i);
        this.flags[n] = this.b(i) ? 8 : 0;
        if (this.b(i)) this.counts[this.detail(i)]++;
      }
      break;
    case 255: this.scalars.lost += this.a(i); break;
    }
  }
}
