"""Breakpoints that know pages: break-fault, break-evict, break-user, watch-page.

Each hangs on a function of the kernel that is called as declared (STOP_POINT, lib/types.h): at its first
instruction the arguments are where the calling convention puts them. The condition is decided here, so the machine
pauses for a moment at every call, and stops only at the wanted one. What has been found is also in gdb's convenience
variables.
"""

import pathlib

import gdb

from . import kernel, memory
from .command import matching, number, process_for
from .elf import load
from .kernel import Page
from .memory import PAGE_SIZE, Absent, View, address_of
from .pages import page_json, page_lines
from .session import FOLLOWER, find_program, program_names, program_of

KINDS = ("zero", "file", "swap", "reclaim", "copy", "upgrade", "resident", "spurious", "bad")
AREA_GROWSDOWN = 16
PMAP_MODIFIED = 8
FAULT_WRITE = 1
ARGUMENT_REGISTERS = ("eax", "edx", "ecx")


def argument(index: int) -> int:
    """An argument of the function whose first instruction is next: three are in registers (-mregparm=3)."""
    if index < len(ARGUMENT_REGISTERS):
        return memory.register(ARGUMENT_REGISTERS[index])
    return memory.peek(memory.register("esp") + 4 + 4 * (index - len(ARGUMENT_REGISTERS)))


class FunctionStop(gdb.Breakpoint):
    """Stops at a kernel function's first instruction when wanted() says so."""

    def __init__(self, function: str, internal: bool = False):
        super().__init__(f"*{address_of(function):#x}", internal=internal)
        self.silent = internal

    def stop(self) -> bool:
        memory.forget()
        try:
            return self.wanted()
        except Absent:
            return False

    def wanted(self) -> bool:
        """Is this the call that is waited for? Says so itself if it is."""
        return True


# --- faults -----------------------------------------------------------------------------------------------

def _kind_of_anon(anon: View, page: Page, write: bool, alone: bool) -> str:
    frame = anon.follow("frame")
    if write and not alone:
        return "copy"
    if not frame:
        return "swap" if anon["slot"] else "zero"
    state = kernel.frame_state(frame)
    if state == "busy":
        return "reclaim" if frame["io_write"] else "swap"
    return "upgrade" if page.present() else "reclaim" if state in ("dirty", "clean") else "resident"


def _kind_of_object(page: Page, area: View, write: bool) -> str:
    owner = page.owner
    if not owner or page.index * PAGE_SIZE >= owner["size"]:
        return "bad"
    if write and not area["flags"] & kernel.AREA_SHARED:
        return "copy"
    if not page.frame:
        return "file"
    state = kernel.frame_state(page.frame)
    if state == "busy":
        return "reclaim" if page.frame["io_write"] else "file"
    return "upgrade" if page.present() else "reclaim" if state in ("dirty", "clean") else "resident"


def fault_kind(space: View, address: int, write: bool) -> str:
    """What a fault there would be, from the state of things: mm/fault*.c's decisions, without their effects."""
    page = Page(space, address)
    area = page.area
    if not area:
        above = next((a for a in kernel.areas_of(space) if a["start"] > address), None)
        grows = above and above["flags"] & AREA_GROWSDOWN and address >= space["stack_limit"]
        return "zero" if grows else "bad"
    wanted = kernel.AREA_WRITE if write else kernel.AREA_READ | kernel.AREA_WRITE | kernel.AREA_EXEC
    if not area["flags"] & wanted:
        return "bad"
    if page.present() and (not write or page.pte & memory.PTE_WRITABLE):
        return "spurious"
    amap = area.follow("amap")
    if amap and 0 < amap["limit"] <= area["amap_offset"] + (page.address - area["start"]) // PAGE_SIZE:
        return "bad"
    if page.anon:
        own = area.follow("amap")
        mine = own is not None and kernel.amap_get(own, area["amap_offset"] +
                                                   (page.address - area["start"]) // PAGE_SIZE) == page.anon
        alone = mine and bool(area["flags"] & kernel.AREA_SHARED or page.anon["refs"] == 1)
        return _kind_of_anon(page.anon, page, write, alone)
    return _kind_of_object(page, area, write) if page.owner else "zero"


class FaultStop(FunctionStop):
    """A fault of a process, a kind, a range."""

    def __init__(self, process: str | None, kind: str | None, low: int, high: int):
        super().__init__("vm_fault")
        self.process, self.kind, self.low, self.high = process, kind, low, high

    def wanted(self) -> bool:
        address = argument(1)
        if not self.low <= address < self.high:
            return False
        space, write = View(argument(0), "struct space"), argument(2) == FAULT_WRITE
        process = kernel.current_process()
        name = process.text("name") if process else "?"
        if self.process and self.process not in (name, str(space["owner_pid"])):
            return False
        kind = fault_kind(space, address, write)
        if self.kind and self.kind != kind:
            return False
        gdb.set_convenience_variable("fault_address", address)
        gdb.set_convenience_variable("fault_kind", kind)
        gdb.set_convenience_variable("fault_pid", space["owner_pid"])
        print(f"fault: {name} (pid {space['owner_pid']}) {'writes' if write else 'reads'} {address:#010x}: {kind}")
        print("\n".join(page_lines(page_json(Page(space, address)))))
        return True


class BreakFault(gdb.Command):
    """break-fault [PROCESS] [KIND] [ADDR | LOW-HIGH]: stops at the beginning of such page faults.

PROCESS is a name or a pid; KIND one of zero, file, swap, reclaim, copy, upgrade, resident, spurious, bad; an
address (0x…) stands for its page. The words may come in any order. Sets $fault_address, $fault_kind, $fault_pid."""

    def __init__(self):
        super().__init__("break-fault", gdb.COMMAND_BREAKPOINTS)

    def complete(self, text: str, word: str):
        try:
            names = [process.text("name") for process in kernel.processes()]
        except Absent:
            names = []
        return matching(list(KINDS) + names, word)

    def invoke(self, argument: str, from_tty: bool):
        process = kind = None
        low, high = 0, 1 << 32
        for word in gdb.string_to_argv(argument):
            first, dash, last = word.partition("-")
            if word in KINDS:
                kind = word
            elif dash and first.startswith("0x"):
                low, high = number(first), number(last)
            elif word.startswith(("0x", "&", "$")):
                low = number(word) & ~(PAGE_SIZE - 1)
                high = low + PAGE_SIZE
            elif process is None:
                process = word
            else:
                raise gdb.GdbError((self.__doc__ or "").splitlines()[0])
        FaultStop(process, kind, low, high)


# --- eviction ---------------------------------------------------------------------------------------------

class EvictStop(FunctionStop):
    """A frame is the victim."""

    def __init__(self, frame: int):
        super().__init__("pageout_evict")
        self.frame = kernel.frame(frame).address

    def wanted(self) -> bool:
        if argument(0) != self.frame:
            return False
        entry = View(self.frame, "struct frame")
        for mapping in kernel.mappings(entry):
            space = mapping.follow("space")
            print(f"evicted: frame {kernel.frame_number(entry)}, {mapping['address']:#010x} of pid "
                  f"{space['owner_pid']}")
        return True


class BreakEvict(gdb.Command):
    """break-evict FRAME: stops when the page in that frame is chosen as a victim, before it loses its entries."""

    def __init__(self):
        super().__init__("break-evict", gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool):
        if not argument.strip():
            raise gdb.GdbError((self.__doc__ or "").splitlines()[0])
        try:
            EvictStop(number(argument))
        except Absent as absent:
            raise gdb.GdbError(str(absent)) from None


# --- programs ---------------------------------------------------------------------------------------------

class UserStop(gdb.Breakpoint):
    """An instruction of one program, whoever else has code at that address."""

    def __init__(self, path: pathlib.Path, address: int):
        super().__init__(f"*{address:#x}")
        self.path = path

    def stop(self) -> bool:
        memory.forget()
        try:
            process = kernel.current_process()
            known = program_of(process) if process else None
        except Absent:
            return False
        return known is not None and known[0].path == self.path


class BreakUser(gdb.Command):
    """break-user PROGRAM FUNCTION: stops in that program alone, at a function or an *ADDRESS of it.

The program need not run yet, nor the page be in memory."""

    def __init__(self):
        super().__init__("break-user", gdb.COMMAND_BREAKPOINTS)

    def complete(self, text: str, word: str):
        words = text.split()
        if len(words) > 1 or text.endswith(" "):
            try:
                program = load(find_program(words[0]))
            except gdb.GdbError:
                return []
            names = [program.data[n:program.data.index(b"\0", n)].decode() for _, _, n in program.symbols]
            return sorted(set(matching(names, word)))
        return program_names(word)

    def invoke(self, argument: str, from_tty: bool):
        words = gdb.string_to_argv(argument)
        if len(words) != 2:
            raise gdb.GdbError((self.__doc__ or "").splitlines()[0])
        path = find_program(words[0])
        program = load(path)
        if not program.movable:
            FOLLOWER.show(path, 0)  # so that the source is there at the first stop
        UserStop(path, number(words[1][1:]) if words[1].startswith("*") else self.function(program, words[1]))

    @staticmethod
    def function(program, name: str) -> int:
        """The address of a program's function."""
        for value, _, place in program.symbols:
            if program.data[place:program.data.index(b"\0", place)].decode() == name:
                return value
        raise gdb.GdbError(f"{program.path.name} has no function {name}")


# --- one page ---------------------------------------------------------------------------------------------

# Functions that change a page; the first argument of each is its frame.
WATCHED = ("frame_map", "frame_unmapped", "frame_unmap_all", "frame_start_io", "frame_activate", "frame_done",
           "mm/frame.c:frame_steal")


class PageWatch:
    """All that may happen to one virtual page, and what it was last."""

    def __init__(self, space: View, address: int):
        self.space, self.address = space, address & ~(PAGE_SIZE - 1)
        self.pid = space["owner_pid"]
        page = Page(space, address)
        self.identity = (page.anon or page.owner or space).address  # whose page it is: quickly compared
        self.armed = page.present() and not page.pte & memory.PTE_DIRTY
        self.stops = [PageStop(self, function) for function in WATCHED]
        self.store = StoreStop(self)
        self.store.enabled = self.armed
        gdb.events.stop.connect(self.stopped)

    def stopped(self, _event) -> None:
        """Stores are watched only while the page is mapped and clean: the first one is the event."""
        if self.store.is_valid() and self.store.enabled != self.armed:
            self.store.enabled = self.armed

    def owns(self, frame: View) -> bool:
        """Is this page in that frame?"""
        found = Page(self.space, self.address).frame
        return found is not None and found == frame

    def mine(self, space: int, address: int) -> bool:
        return space == self.space.address and address & ~(PAGE_SIZE - 1) == self.address

    def happened(self, event: str, detail: str = "") -> bool:
        """Tells of an event, which is a reason to stop."""
        gdb.set_convenience_variable("page_event", event)
        print(f"page {self.address:#010x} of pid {self.pid}: {event}{detail}")
        return True

    def at_call(self, function: str) -> bool:
        """A function of WATCHED is about to run: does it change our page?"""
        frame = View(argument(0), "struct frame")
        if function in ("frame_map", "frame_unmapped"):
            if not self.mine(argument(1), argument(2)):
                return False
            bits = argument(3)
            if function == "frame_unmapped":
                return self.unmapped(frame, bits)
            self.identity = frame["anon"]
            self.armed = not bits & PMAP_MODIFIED
            return self.happened("mapped", f" in frame {kernel.frame_number(frame)}, " +
                                 ("writable" if bits & 2 else "read-only") +
                                 (", for a store" if bits & PMAP_MODIFIED else ""))
        if memory.peek(frame.place("anon")) != self.identity:
            return False
        if function == "frame_unmap_all":
            found = any(self.mine(m["space"], m["address"]) for m in kernel.mappings(frame))
            return found and self.unmapped(frame, 0)
        return self.owns(frame) and self.moved(function, frame)

    def unmapped(self, frame: View, bits: int) -> bool:
        """@bits: what the entry said, if it is gone already."""
        self.armed = False
        page = Page(self.space, self.address)
        modified = frame["modified"] or bits & PMAP_MODIFIED or page.pte & memory.PTE_DIRTY
        state = "dirty" if modified else "clean"
        return self.happened("unmapped", f", {state}")

    def moved(self, function: str, frame: View) -> bool:
        """The page's frame is about to change its state."""
        state, number_ = kernel.frame_state(frame), kernel.frame_number(frame)
        if function == "frame_start_io":
            return bool(argument(1)) and self.happened("laundered", f": the write of frame {number_} begins")
        if function == "frame_activate" and state in ("dirty", "clean"):
            return self.happened("reclaimed", f" from the pool, frame {number_}")
        if function == "frame_done":
            if argument(1):
                return self.happened("failed", f": the transfer of frame {number_}, error {argument(1) - (1 << 32)}")
            done = ("written", "clean") if frame["io_write"] else ("read", "filled")
            return self.happened(done[0], f": frame {number_} is {done[1]}")
        return function.endswith("frame_steal") and self.happened("stolen", f": frame {number_} gets another page")


class PageStop(FunctionStop):
    """One of the functions that change a page."""

    def __init__(self, watch: PageWatch, function: str):
        super().__init__(function, internal=True)
        self.watch, self.function = watch, function

    def wanted(self) -> bool:
        return self.watch.at_call(self.function)


class StoreStop(gdb.Breakpoint):
    """A store to the page while it is clean. The processor sets the Dirty bit by itself, calling nobody.

    An access watchpoint: gdb ignores a write watchpoint when the value stays the same."""

    def __init__(self, watch: PageWatch):
        super().__init__(f"*(char(*)[{PAGE_SIZE}]){watch.address:#x}", gdb.BP_WATCHPOINT, gdb.WP_ACCESS, True)
        self.watch = watch
        self.silent = True

    def stop(self) -> bool:
        memory.forget()
        try:
            directory = kernel.directory_of(self.watch.space)
            if not self.watch.armed or memory.register("cr3") != directory:
                return False
            if not memory.entry_of(directory, self.watch.address)[2] & memory.PTE_DIRTY:
                return False
        except Absent:
            return False
        self.watch.armed = False
        return self.watch.happened("dirtied", f" before {memory.register('eip'):#010x}")


class WatchPage(gdb.Command):
    """watch-page ADDR [PID]: stops whenever that page is mapped, dirtied, unmapped, laundered, written,
reclaimed, read, or loses its frame. Sets $page_event to the word."""

    watches: list[PageWatch] = []

    def __init__(self):
        super().__init__("watch-page", gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool):
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("watch-page ADDR [PID]")
        memory.forget()
        try:
            space = process_for(words[1:]).follow("space")
            self.watches.append(PageWatch(space, number(words[0])))
        except Absent as absent:
            raise gdb.GdbError(str(absent)) from None
        print(f"watching page {self.watches[-1].address:#010x} of pid {self.watches[-1].pid}")
