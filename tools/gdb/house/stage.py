"""What a tour stands on: running to a place, showing a stop, holding the disk's interrupt back."""

import json
import sys
import textwrap

import gdb

from . import kernel, memory
from .memory import View, address_of
from .session import ROOT
from .stops import FunctionStop
from .threads import place

CONTEXT = 9  # lines of source
TITLES = {
    1: "the processor traps",
    2: "the stub saves the registers",
    3: "the address is read from CR2",
    4: "is the access valid?",
    5: "a frame",
    6: "the daemon writes a victim",
    7: "the process sleeps, another runs",
    8: "the read is scheduled",
    9: "the disk interrupts",
    10: "the process is ready and starts the fault over",
    11: "the page-table entry is set",
    12: "registers restored, the instruction runs again",
}


class Lost(Exception):
    """The machine did not come where the tour goes."""


class At(FunctionStop):
    """An internal breakpoint at a function, where a condition holds."""

    def __init__(self, function: str, condition=None):
        super().__init__(function, internal=True)
        self.test, self.reached = condition, False

    def wanted(self) -> bool:
        self.reached = self.test is None or bool(self.test())
        return self.reached


def run_to(*targets: tuple) -> int:
    """Continues to the first of (function, condition) that is reached; returns which."""
    stops = [At(*target) for target in targets]
    try:
        gdb.execute("continue", False, True)
        memory.forget()
        for number, stop in enumerate(stops):
            if stop.reached:
                return number
    except gdb.error as error:
        raise Lost(f"the machine ended before {targets[0][0]}: {error}") from None
    finally:
        for stop in stops:
            stop.delete()
    raise Lost(f"stopped elsewhere, at {memory.register('eip'):#x}, before {targets[0][0]}")


PIC_MASK, DISK_LINE = 0xA1, 1 << 6  # second interrupt controller, IRQ 14


def disk_interrupt(held: bool) -> None:
    """Holds the disk's interrupt back, or lets it come. While gdb holds the machine the disk would have finished
    before the process can even go to sleep; a real one takes as long as a hundred thousand instructions."""
    answer = gdb.execute(f"monitor i /1xb {PIC_MASK:#x}", False, True)
    mask = int(answer.split("=")[-1], 0)
    mask = mask | DISK_LINE if held else mask & ~DISK_LINE
    gdb.execute(f"monitor o /1xb {PIC_MASK:#x} {mask:#x}", False, True)


def begin(pc: int) -> tuple[str, str]:
    """Function and place of an address; at a function's first instruction the place of its head."""
    name, where = place(pc)
    block, outermost = gdb.block_for_pc(pc), None
    while block is not None:
        outermost = block if block.function is not None else outermost
        block = block.superblock
    if outermost is not None and outermost.start == pc:  # and not what is in line there
        name = outermost.function.name
        where = f"{outermost.function.symtab.filename}:{outermost.function.line}"
    return name, where.removeprefix("./")


class Stage:
    """Shows stops, to a reader or as lines of JSON, and runs one thread to places of the kernel."""

    def __init__(self, automatic: bool):
        self.automatic = automatic
        self.thread: View | None = None  # whose way is followed
        self.holding = False  # the disk's interrupt

    def ours(self) -> bool:
        """Does the thread run whose fault this is?"""
        return kernel.current_thread() == self.thread

    def hold(self) -> None:
        """Keeps the disk's interrupt back."""
        disk_interrupt(held=True)
        self.holding = True

    def release(self) -> None:
        """Lets the disk's interrupt come again."""
        if self.holding:
            disk_interrupt(held=False)
        self.holding = False

    # --- showing ---

    def show(self, step: int, what: str, facts: dict, lines: list[str]) -> None:
        """One stop."""
        pc = memory.register("eip")
        name, where = begin(pc)
        if pc in range(address_of("trap_save"), address_of("trap_restore")):
            name = "trap_save"
        elif pc == address_of("trap_restore"):
            name = "trap_restore"
        elif pc == address_of("trap_vector_14"):
            name = "trap_vector_14"
        current = kernel.current_thread()
        record = {"step": step, "title": TITLES[step], "what": what, "happens": True, "function": name, "where": where,
                  "thread": kernel.thread_name(current) if current else "", "facts": facts}
        self.say(record, self.source(where) if where else [], lines)

    def skip(self, steps, why: str) -> None:
        """Steps that this fault does not need."""
        for step in steps:
            self.say({"step": step, "title": TITLES[step], "what": why, "happens": False, "facts": {}}, [], [])

    def say(self, record: dict, source: list[str], lines: list[str]) -> None:
        if self.automatic:
            print(json.dumps({**record, "source": source}))
            sys.stdout.flush()
            return
        if not record["happens"]:
            print(f"\n[{record['step']:2} of 12] {record['title']}: not here. {record['what']}")
            return
        print(f"\n[{record['step']:2} of 12] {record['title'].upper()}")
        print(textwrap.fill(record["what"], 100))
        print(f"\n    {record['function']}, {record['where']}; running: {record['thread']}")
        for line in source:
            print("    | " + line)
        print()
        for line in lines:
            print("    " + line)
        self.wait()

    @staticmethod
    def wait() -> None:
        """Enter goes on; anything else is for gdb."""
        while True:
            try:
                line = input("\n[Enter: on; q: leave; or a gdb command] ").strip()
            except EOFError:
                raise Lost("left") from None
            if line in ("q", "quit"):
                raise Lost("left")
            if not line:
                return
            try:
                gdb.execute(line)
            except gdb.error as error:
                print(error)

    @staticmethod
    def source(where: str) -> list[str]:
        """The lines of source from a place on."""
        file, _, line = where.rpartition(":")
        path = ROOT / file
        if not path.is_file():
            return []
        text = path.read_text(encoding="utf-8").splitlines()
        first = int(line) - (2 if path.suffix == ".asm" else 0)  # with the label
        return [f"{n:4} {text[n - 1]}".rstrip() for n in range(first, min(first + CONTEXT, len(text) + 1))]

    def show_at(self, pc: int, step: int, what: str, facts: dict, lines: list[str]) -> None:
        """show() for a place that has just been left."""
        name, where = begin(pc)
        current = kernel.current_thread()
        self.say({"step": step, "title": TITLES[step], "what": what, "happens": True, "function": name,
                  "where": where, "thread": kernel.thread_name(current), "facts": facts}, self.source(where), lines)

    def until(self, address: int) -> None:
        """Runs our thread to an address of the kernel's."""
        class Here(gdb.Breakpoint):
            """There, in our thread."""

            def stop(inner) -> bool:  # pylint: disable=no-self-argument
                memory.forget()
                return self.ours()

        here = Here(f"*{address:#x}", internal=True)
        here.silent = True
        try:
            gdb.execute("continue", False, True)
        finally:
            here.delete()
        memory.forget()
        if memory.register("eip") != address:
            raise Lost(f"did not come back to {address:#x}")
