"""Backwards in a recording: who-dirtied, who-freed, who-wrote.

QEMU counts instructions, so a replay can stand at any of them. Going backwards means: from the snapshot of the
start forward once more. gdb's reverse-continue does so once or twice for each place where a watchpoint was hit, so
a search goes forward itself instead: one replay notes all places, and one more goes to the last that is wanted.

Nobody writes a Dirty bit: the processor's page walk sets it. What is written, by the kernel, is the entry
itself: when the page is mapped (clean, or "modified" already when the fault was a store) and when a bit is
cleared, which makes no page clean: what a Dirty bit said is in its frame then. So who-dirtied goes back to the last
write that mapped the page, and from there forward to the first access after which the Dirty bit is set.
"""

import json
import re

import gdb

from . import kernel, memory
from .command import number, space_for
from .memory import DIRECT_MAP, PAGE_SIZE, Absent
from .session import description
from .threads import Stack, inlined_into, place as place_of, stack_lines

SNAPSHOT = "init"  # of the start: tools/runner/recording.py
FREE = 0  # enum frame_state


class Past(Exception):
    """The question has no answer here."""


def instruction_count() -> int:
    """Where the replay stands: instructions since the recording began."""
    said = gdb.execute("monitor info replay", False, True)
    match = re.search(r"Replaying.*= (\d+)", said)
    if not match:
        raise Past("only in the replay of a recording (make record, make replay)")
    return int(match.group(1))


class Quiet(gdb.Breakpoint):
    """An internal breakpoint that says nothing. @test: stops only where that is true."""

    def __init__(self, spec: str, kind: int = gdb.BP_BREAKPOINT, access: int = gdb.WP_WRITE, test=None):
        if kind == gdb.BP_WATCHPOINT:
            super().__init__(spec, kind, access, True)
        else:
            super().__init__(spec, internal=True)
        self.silent, self.test = True, test

    def stop(self) -> bool:
        memory.forget()
        try:
            return self.test is None or bool(self.test())
        except Absent:
            return False


class Alone:
    """While it lasts, no breakpoints but our own: others would be places to stop at, too."""

    def __enter__(self):
        self.disabled = [point for point in gdb.breakpoints() if point.enabled]
        for point in self.disabled:
            point.enabled = False
        return self

    def __exit__(self, *_unused):
        for point in self.disabled:
            if point.is_valid():
                point.enabled = True


def start_over() -> None:
    """To the recording's first instruction. gdb does not notice by itself."""
    gdb.execute(f"monitor loadvm {SNAPSHOT}", False, True)
    gdb.execute("maintenance flush register-cache", False, True)
    gdb.execute("maintenance flush dcache", False, True)
    memory.forget()
    if instruction_count() != 0:
        raise Past("the recording has lost its snapshot")


def run_to(count: int) -> None:
    """Forward, to that instruction or to one of our own breakpoints before it."""
    if instruction_count() >= count:
        return
    gdb.execute(f"monitor replay_break {count}", False, True)
    try:
        gdb.execute("continue", False, True)
    except gdb.error as error:
        raise Past(f"the replay does not go on: {error}") from None
    finally:
        gdb.execute("monitor replay_delete_break", False, True)
    memory.forget()


def back_to_write(spec: str, wanted) -> None:
    """Backwards to the last write that changed @spec (a C lvalue) and after which wanted() is true: just behind it.

    Where there is none, the replay is where it was."""
    here, found = instruction_count(), []

    def note() -> bool:
        if wanted():
            found.append(instruction_count())
        return False

    start_over()
    watch = Quiet(spec, gdb.BP_WATCHPOINT, test=note)
    try:
        run_to(here)
    finally:
        watch.delete()
    if not found:
        raise Past("not since the recording began")
    if found[-1] < here:
        start_over()
        run_to(found[-1])


def report(as_json: bool, what: str, record: dict) -> None:
    """The answer: where the machine stands now, and how it came there."""
    thread = kernel.current_thread()
    stack = Stack(thread).record()
    first = stack["frames"][0]
    record.update(pc=first["pc"], function=first["function"], where=first["where"], user=first["user"],
                  name=stack["name"], pid=stack["pid"], instruction=instruction_count(), stack=stack["frames"])
    if as_json:
        print(json.dumps(record))
        return
    print(what)
    print("\n".join(stack_lines(stack)))
    print(f"The replay stands there, at instruction {record['instruction']}; it can go on in both directions.")


def maps(entry: int) -> bool:
    """A page-table entry has just been written: did that map the page?"""
    pc = memory.register("eip")
    return bool(entry & memory.PTE_PRESENT) and "pmap_enter" in [place_of(pc)[0], *inlined_into(pc)]


def is_clean(entry: int) -> bool:
    """The entry shows a page, and neither it nor the frame says that it was modified."""
    return bool(entry & memory.PTE_PRESENT) and not entry & memory.PTE_DIRTY and not kernel.frame(entry >> 12)["modified"]


def who_dirtied(address: int, space) -> dict:
    """Goes to the store that dirtied the page, as it is now or was when it was mapped last."""
    directory, here = kernel.directory_of(space), instruction_count()
    pid, page = space["owner_pid"], address & ~(PAGE_SIZE - 1)
    entry = memory.entry_of(directory, page)
    if entry[1] is None:
        raise Past(f"{page:#010x} has no page table: it was never mapped")
    if is_clean(entry[2]):
        raise Past(f"{page:#010x} is mapped and clean: nobody has, since")
    place = entry[1]
    with Alone():
        back_to_write(f"*(unsigned *){DIRECT_MAP + place:#x}", lambda: maps(memory.word_physical(place)))
        mapped = instruction_count()
        for_store = bool(memory.word_physical(place) & memory.PTE_DIRTY)

        def dirty() -> bool:
            return memory.register("cr3") == directory and bool(memory.word_physical(place) & memory.PTE_DIRTY)

        store = Quiet(f"*(char(*)[{PAGE_SIZE}]){page:#x}", gdb.BP_WATCHPOINT, gdb.WP_ACCESS, dirty)
        try:
            run_to(here)
        finally:
            store.delete()
        behind = instruction_count()  # a watchpoint stops behind the instruction
        if behind >= here:
            raise Past(f"{page:#010x} was not written to while it was mapped last")
        start_over()
        run_to(behind - 1)
    return {"address": page, "owner": pid, "mapped_at": mapped, "mapped_for_store": for_store}


def who_freed(frame: int) -> dict:
    """Goes to the moment when the frame became FREE last."""
    place = kernel.frame(frame).place("state")
    instruction_count()
    with Alone():
        back_to_write(f"*(unsigned char *){place:#x}", lambda: memory.read(place, 1)[0] == FREE)
    return {"frame": frame}


def who_wrote(address: int, size: int) -> dict:
    """Goes to the last write to @size bytes; the replay stands just behind it."""
    instruction_count()
    with Alone():
        back_to_write(f"*(unsigned char(*)[{size}]){address:#x}", lambda: True)
    return {"address": address, "bytes": size}


class Backwards(gdb.Command):
    """Base: arguments, and errors of one line."""

    name = ""
    most = 1

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_RUNNING, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument: str, from_tty: bool):
        words = gdb.string_to_argv(argument)
        as_json = words[:1] == ["-json"]
        words = words[1:] if as_json else words
        if not 1 <= len(words) <= self.most:
            raise gdb.GdbError((self.__doc__ or "").splitlines()[0])
        if description().get("backwards") is False:
            raise gdb.GdbError(f"{self.name}: only in the replay of a recording, and not of a failing disk")
        memory.forget()
        try:
            self.answer(as_json, words)
        except (Past, Absent) as problem:
            raise gdb.GdbError(f"{self.name}: {problem}") from None

    def answer(self, as_json: bool, words: list[str]) -> None:
        """The command itself."""
        raise NotImplementedError


class WhoDirtied(Backwards):
    """who-dirtied [-json] ADDR [PID]: in a replay, goes back to the store that set the page's Dirty bit."""

    name = "who-dirtied"
    most = 2

    def answer(self, as_json: bool, words: list[str]) -> None:
        record = who_dirtied(number(words[0]), space_for(words[1:]))
        report(as_json, f"page {record['address']:#010x} of pid {record['owner']} was dirtied by:", record)


class WhoFreed(Backwards):
    """who-freed [-json] FRAME: in a replay, goes back to where the frame became FREE last.

A frame that goes from page to page by way of the pool does not become FREE in between."""

    name = "who-freed"

    def answer(self, as_json: bool, words: list[str]) -> None:
        record = who_freed(number(words[0]))
        report(as_json, f"frame {record['frame']} was freed by:", record)


class WhoWrote(Backwards):
    """who-wrote [-json] ADDR [BYTES]: in a replay, goes back to the last write that changed these bytes (4)."""

    name = "who-wrote"
    most = 2

    def answer(self, as_json: bool, words: list[str]) -> None:
        record = who_wrote(number(words[0]), number(words[1]) if len(words) > 1 else 4)
        report(as_json, f"{record['bytes']} bytes at {record['address']:#010x} were written by:", record)
