"""The tour: one real page fault, from the trap to the instruction that runs again, in the lecture's steps.

The guest runs user/onefault.c, whose one_access() makes faults of one kind; the first that suits the tour is
followed through the functions of the README's twelve steps. A stop shows what is about to happen, the source,
and what matters there; Enter goes on, anything else is a gdb command. Unattended (AUTO=1) each stop is one
line of JSON instead, with the same facts.

Every fact is read from the machine at the stop. Where a step does not happen in this kind of fault (a page
that needs no disk skips 6 to 10), that is said; stop 11 shows what the kernel has counted meanwhile.
"""

import os
import sys

import gdb

from . import elf, kernel, memory
from .command import matching
from .kernel import Page
from .machine import Policy
from .memory import Absent, View
from .pages import page_json, page_lines, place_text
from .session import file_of
from .stage import TITLES, Lost, Stage, run_to
from .stops import argument, fault_kind
from .threads import place

PROGRAM = "onefault"
SLEEPLESS = (6, 7, 8, 9, 10)


def error_text(error: int) -> str:
    """A page fault's error code (SDM vol. 3A, 4.7) in words."""
    words = ["protection" if error & 1 else "page absent", "write" if error & 2 else "read"]
    return ", ".join(words + ["user mode" if error & 4 else "kernel mode"])


def trapped(index: int) -> int:
    """At trap_vector_14, what the processor has pushed: error code, EIP, CS."""
    return memory.peek(memory.register("esp") + 4 * index)


class Tour(Stage):
    """One fault and its stops."""

    def __init__(self, kind: str, automatic: bool):
        super().__init__(automatic)
        self.kind = kind
        self.space: View | None = None
        self.address = self.eip = self.error = 0
        self.registers: dict[str, int] = {}
        self.frame: int | None = None  # that the page will be in
        self.before: dict = {}
        self.counters: dict[str, int] = {}
        program = elf.load(file_of(PROGRAM))
        low, size = next((v, s) for v, s, n in program.symbols
                         if program.data[n:program.data.index(b"\0", n)] == b"one_access")
        self.access = range(low, low + max(size, 1))

    # --- conditions ---

    def begins(self) -> bool:
        """At trap_vector_14: is this the fault that the tour wants?"""
        eip, cs = trapped(1), trapped(2)
        if not cs & 3 or eip not in self.access:
            return False
        thread = kernel.current_thread()
        process = thread.follow("process")
        if not process or process.text("name") != PROGRAM:
            return False
        error = trapped(0)
        kind = fault_kind(kernel.space_of(thread), memory.register("cr2"), bool(error & 2))
        if kind != ("bad" if self.kind == "bad" else self.kind):
            return False
        # The frame that this fault takes is the one that wakes the daemon.
        return self.kind != "swap" or kernel.available() == variable_low()

    def our_fault(self) -> bool:
        """At a function whose first argument is a struct fault."""
        return self.ours() and View(argument(0), "struct fault")["address"] == self.page()

    def page(self) -> int:
        return self.address & ~(memory.PAGE_SIZE - 1)

    def state(self) -> dict:
        """The page as it is here."""
        return page_json(Page(self.space, self.address))

    def counted(self) -> dict[str, int]:
        """What the kernel has counted since the trap."""
        return {n: v - self.counters[n] for n, v in kernel.counters().items() if v != self.counters[n]}

    # --- the stops ---

    def trap(self) -> None:
        """Steps 1 to 3."""
        run_to(("trap_vector_14", self.begins))
        self.thread = kernel.current_thread()
        self.space = kernel.space_of(self.thread)
        self.address, self.eip, self.error = memory.register("cr2"), trapped(1), trapped(0)
        self.registers = {n: memory.register(n) for n in elf.REGISTERS[:8] if n != "esp"}
        self.before, self.counters = self.state(), kernel.counters()
        instruction = gdb.execute(f"x/i {self.eip:#x}", False, True).strip().removeprefix("=> ")
        self.show(1, "The processor could not use the page-table entry. It has pushed EIP and an error code on the "
                     "kernel stack and left the address in CR2; nothing else is saved yet.",
                  {"cr2": self.address, "error": self.error, "eip": self.eip, "instruction": instruction,
                   "write": bool(self.error & 2), "page": self.before},
                  [f"CR2         {self.address:#010x}", f"error code  {self.error}: {error_text(self.error)}",
                   f"EIP         {instruction}", *page_lines(self.before)])
        run_to(("trap_save", self.ours))
        self.show(2, "The stub pushes the registers, so that C may use them, and calls C with their address.",
                  {"registers": self.registers},
                  ["to be saved: " + " ".join(f"{n}={v:#x}" for n, v in self.registers.items())])
        run_to(("arch/x86/trap.c:trap_page_fault", self.ours))
        trap = View(argument(0), "struct trap_frame")
        saved = {n: trap[n] for n in self.registers}
        self.show(3, "CR2 must be read before another fault can overwrite it; then interrupts are let in again, and "
                     "the fault may sleep.",
                  {"cr2": memory.register("cr2"), "vector": trap["vector"], "error": trap["error"],
                   "eip": trap["eip"], "saved": saved, "interrupts": bool(memory.register("eflags") & 0x200)},
                  [f"CR2         {memory.register('cr2'):#010x}",
                   f"trap frame  vector {trap['vector']}, error {trap['error']}, EIP {trap['eip']:#x}",
                   "interrupts  " + ("on" if memory.register("eflags") & 0x200 else "still off")])

    def valid(self) -> None:
        """Step 4."""
        run_to(("mm/fault.c:fault_check_access", self.our_fault))
        data = self.state()
        kind = fault_kind(self.space, self.address, bool(self.error & 2))
        self.show(4, "The areas of the process say whether there is a page, and whether this access is allowed. "
                     "The page tables do not know: they are only a cache.",
                  {"allowed": kind != "bad", "kind": kind, "area": data["area"]},
                  [*page_lines(data)[:2], f"so this is   {kind}"])

    def take(self) -> None:
        """Step 5: which frame, and whose it was."""
        function = "frame_take_zeroed" if self.kind == "zero" else "frame_take"
        run_to((function, lambda: self.ours() and argument(0) == memory.constant("USE_USER")))
        shown, back = memory.register("eip"), memory.peek(memory.register("esp"))
        lists = memory.variable("mm/frame.c:state_lists")
        state = 0 if lists[0]["next"] != lists[0].address else 3
        head = lists[state]
        first = next(memory.each(head, "struct frame", "link"))
        taken_from, owner, available = kernel.frame_state(first), kernel.frame_owner(first), kernel.available()
        from_pool = taken_from == "clean"
        self.until(back)  # which of the FREE ones it is, the function says
        self.frame = kernel.frame_number(View(memory.register("eax"), "struct frame"))
        low = variable_low()
        loses = f"CLEAN: its {owner} page is on disk and loses the frame" if from_pool else "FREE"
        self.show_at(shown, 5, "A frame is taken: a FREE one, else the oldest CLEAN one of the pool. Nobody waits for a write "
                     "here: what is dirty is the daemon's to write.",
                  {"available": available, "low": low, "frame": self.frame,
                   "state": taken_from, "owner": owner, "wakes_daemon": available - 1 < low},
                  [f"available  {available} frames, low mark {low}" +
                   (": one less wakes the daemon" if available - 1 < low else ""),
                   f"frame      {self.frame}, {loses}"])

    def schedule(self) -> None:
        """Step 8: the disk request."""
        run_to(("bio_submit", lambda: self.ours() and not View(argument(0), "struct bio")["write"]
                and View(argument(0), "struct bio")["address"] >> 12 == self.frame))
        bio = View(argument(0), "struct bio")
        sector = bio.follow("device")["start"] + bio["sector"]
        self.hold()
        disk = self.state()["disk"]
        frame = kernel.frame(self.frame)
        self.show(8, "The read is put into the disk's queue: it comes before the sleep, as nothing happens while "
                     "nobody asks. The frame is BUSY: nobody may look at it.",
                  {"sector": sector, "sectors": bio["sectors"], "frame": self.frame,
                   "frame_state": kernel.frame_state(frame), "disk": disk,
                   "cause": kernel.NAMES.of("enum block_cause", "BLOCK_", bio["cause"])},
                  [f"request    read {bio['sectors']} sectors at {sector} into frame {self.frame}",
                   "that is    " + place_text(disk), f"frame      {self.frame} {kernel.frame_state(frame).upper()}"])

    def sleep(self) -> None:
        """Step 7: who runs meanwhile."""
        run_to(("switch_stacks", lambda: argument(0) == self.thread["context"].place("stack_pointer")))
        following = kernel.current_thread()
        frame = kernel.frame(self.frame)
        self.show(7, "Nothing is held and nothing is half done: the process sleeps on the frame, and the scheduler "
                     "has chosen another thread. The next instructions change stacks.",
                  {"sleeper": kernel.thread_name(self.thread), "state": kernel.thread_state(self.thread),
                   "next": kernel.thread_name(following), "waiters": bool(frame["waiters"]["first"])},
                  [f"asleep     {kernel.thread_name(self.thread)}, waiting for frame {self.frame}",
                   f"runs now   {kernel.thread_name(following)}"])

    def daemon(self) -> None:
        """Step 6: a dirty victim, and its write."""
        def dirty_victim() -> bool:
            frame = View(argument(0), "struct frame")
            return bool(kernel.mappings(frame)) and Policy.look(frame)["modified"]

        run_to(("pageout_evict", dirty_victim))
        victim = View(argument(0), "struct frame")
        number_, mapping = kernel.frame_number(victim), kernel.mappings(victim)[0]
        owner = mapping.follow("space")
        entry = memory.entry_of(kernel.directory_of(owner), mapping["address"])[2]
        evicted = {"frame": number_, "address": mapping["address"], "pid": owner["owner_pid"], "pte": entry,
                   "state": kernel.frame_state(victim), "modified": Policy.look(victim)["modified"]}
        run_to(("bio_submit", lambda: bool(View(argument(0), "struct bio")["write"])))
        bio = View(argument(0), "struct bio")
        sector = bio.follow("device")["start"] + bio["sector"]
        after = memory.entry_of(kernel.directory_of(owner), evicted["address"])[2]
        self.show(6, "Meanwhile the paging daemon refills the pool. The policy has named victims; each has lost its "
                     "entries, which tell whether it was modified, and dirty ones are written side by side.",
                  {"victim": evicted, "pte_after": after, "write": {"sector": sector, "frame": bio["address"] >> 12},
                   "daemon": kernel.thread_name(kernel.current_thread())},
                  [f"victim     frame {number_}: {evicted['address']:#010x} of pid {evicted['pid']}",
                   f"its entry  {kernel.entry_text(entry)}; then {kernel.entry_text(after)}",
                   f"request    write {bio['sectors']} sectors at {sector} from frame {bio['address'] >> 12}"])

    def interrupt(self) -> None:
        """Step 9: the request is complete; then the frame is."""
        def with_our_frame() -> bool:
            bios = View(argument(1), "struct block_request")["bios"]
            return any(bio["address"] >> 12 == self.frame and not bio["write"]
                       for bio in memory.each(bios, "struct bio", "link"))

        self.release()
        run_to(("block_complete", with_our_frame))
        request = View(argument(1), "struct block_request")
        interrupted = kernel.thread_name(kernel.current_thread())
        facts = {"interrupted": interrupted, "sector": request["sector"], "sectors": request["sectors"],
                 "error": argument(2)}
        run_to(("frame_done", lambda: argument(0) == kernel.frame(self.frame).address))
        frame = kernel.frame(self.frame)
        facts.update(frame=self.frame, frame_state=kernel.frame_state(frame), waiters=bool(frame["waiters"]["first"]))
        self.show(9, "The disk has interrupted whoever ran, and what the handler put off is done now: the frame is "
                     "filled, it will not be BUSY any more, and its waiters are woken.",
                  facts,
                  [f"interrupted  {interrupted}",
                   f"request      {facts['sectors']} sectors at {facts['sector']}, error {facts['error']}",
                   f"frame        {self.frame} {facts['frame_state'].upper()}, somebody waits: {facts['waiters']}"])

    def restart(self) -> None:
        """Step 10."""
        run_to(("mm/fault.c:fault_check_access", self.our_fault))
        data = self.state()
        self.show(10, "The process runs again and believes nothing that it knew before its sleep: the fault starts "
                      "over from the top. This time the page is in memory.",
                  {"frame": data["frame"]["number"] if data["frame"] else None,
                   "frame_state": data["frame"]["state"] if data["frame"] else None,
                   "kind": fault_kind(self.space, self.address, bool(self.error & 2))}, page_lines(data))

    def enter(self) -> None:
        """Step 11: the entry, before and after."""
        run_to(("mm/fault.c:fault_map", self.our_fault))
        frame = View(argument(1), "struct frame")
        self.frame = kernel.frame_number(frame)
        before, state = self.state(), kernel.frame_state(frame)
        record = {"pte_before": before["pte"], "frame": self.frame, "frame_state_before": state}
        shown = memory.register("eip")
        run_to(("mm/fault.c:fault_finish", self.our_fault))
        self.until(memory.peek(memory.register("esp")))
        after = self.state()
        record["counted"] = self.counted()
        record.update(pte_after=after["pte"], frame_state=after["frame"]["state"], page=after)
        self.show_at(shown, 11, "The entry is written: the page is mapped. A page that was in the pool is taken out of "
                                "it by this very step; for a store the entry says \"modified\" already.",
                     record,
                     [f"entry before  {kernel.entry_text(before['pte']['value'])}",
                      f"entry after   {kernel.entry_text(after['pte']['value'])}",
                      f"frame         {self.frame} {state.upper()}, then {after['frame']['state'].upper()}",
                      "counted       " + ", ".join(f"{n} {v}" for n, v in record["counted"].items())])

    def back(self) -> None:
        """Step 12: the registers, and the instruction once more."""
        def leaves() -> bool:
            trap = View(memory.register("esp"), "struct trap_frame")
            return self.ours() and trap["cs"] & 3 == 3

        run_to(("trap_restore", leaves))
        trap = View(memory.register("esp"), "struct trap_frame")
        restored = {n: trap[n] for n in self.registers}
        facts = {"eip": trap["eip"], "same_instruction": trap["eip"] == self.eip,
                 "registers": restored, "same_registers": restored == self.registers}
        shown = memory.register("eip")
        self.until(self.eip)
        gdb.execute("stepi", False, True)
        memory.forget()
        eip = memory.register("eip")
        data = self.state()
        facts.update(next_eip=eip, ran=eip < kernel.USER_TOP and eip != self.eip, page=data,
                     byte=memory.read_in(kernel.directory_of(self.space), self.address, 1)[0])
        what = ("All registers are as they were, EIP points to the same instruction, and it runs as if nothing "
                "had happened.")
        self.say({"step": 12, "title": TITLES[12], "what": what, "happens": True, "function": "trap_restore",
                  "where": place(shown)[1], "thread": kernel.thread_name(self.thread), "facts": facts},
                 self.source(place(shown)[1]),
                 [f"registers  {'the same' if facts['same_registers'] else 'CHANGED'}; EIP {trap['eip']:#x}",
                  f"one step   EIP {eip:#x}" + ("" if facts["ran"] else ": it faulted again"), *page_lines(data)])

    def refused(self) -> None:
        """A bad access: from step 4 to the signal."""
        self.skip((5, *SLEEPLESS, 11), "The access is refused: no frame, no disk, no entry.")
        run_to(("kernel_user_exception", self.ours))
        signal, code, address = argument(1), argument(2), argument(3)
        facts = {"counted": self.counted(), "signal": signal, "code": code, "address": address, "pte": self.state()["pte"]}
        self.show(12, "The instruction does not run again: the program gets SIGSEGV, with the address, and dies of it "
                      "if it has no handler.", facts,
                  [f"signal   {signal}, code {code} ({'SEGV_MAPERR' if code == 1 else 'SEGV_ACCERR'})",
                   f"address  {address:#010x}", *page_lines(self.state())])

    def run(self) -> None:
        """The whole way."""
        self.trap()
        self.valid()
        if self.kind == "bad":
            self.refused()
            return
        if self.kind == "reclaim":
            self.skip((5, *SLEEPLESS), "The page is still in the pool, contents and owner kept: it is reclaimed.")
        else:
            self.take()
            if self.kind in ("swap", "file"):
                self.schedule()
                self.sleep()
                if self.kind == "swap":
                    self.daemon()
                else:
                    self.skip((6,), "There are enough frames in the pool: the daemon sleeps.")
                self.interrupt()
                self.restart()
            else:
                self.skip(SLEEPLESS, "This page needs no disk: its contents are made here.")
        self.enter()
        self.back()


def variable_low() -> int:
    """The pool's low mark."""
    return memory.variable("mm/pageout.c:pageout")["low"]


class TourCommand(gdb.Command):
    """tour KIND: follows one page fault in the lecture's twelve steps: zero, file, swap, reclaim, copy, bad.

The guest must run `onefault` of that kind and not have made its fault yet: `make tour TOUR=KIND` does all of it.
Enter goes on to the next stop; a gdb command is carried out; q leaves the tour, and gdb is yours."""

    KINDS = ("zero", "file", "swap", "reclaim", "copy", "bad")

    def __init__(self):
        super().__init__("tour", gdb.COMMAND_RUNNING)

    def complete(self, text: str, word: str):
        return matching(list(self.KINDS), word)

    def invoke(self, argument_: str, from_tty: bool):
        kind = argument_.strip()
        if kind not in self.KINDS:
            raise gdb.GdbError("tour " + "|".join(self.KINDS))
        automatic = bool(os.environ.get("AUTO")) or not sys.stdin.isatty()
        tour = Tour(kind, automatic)
        try:
            tour.run()
        except (Lost, Absent) as problem:
            try:
                tour.release()
            except gdb.error:  # the machine has ended
                pass
            raise gdb.GdbError(f"tour: {problem}") from None
        if not automatic:
            print("\nThe tour is over; the machine stands where it stopped. gdb is yours: vm where, continue, quit.")
