"""The stacks of all threads, asleep or running: through the switch, through traps, down into the program.

A sleeping thread's kernel stack begins where switch_stacks() (arch/x86/switch.asm) left off; the kernel keeps
frame pointers, so the chain of ebp leads outwards. The stub trap_save (vectors.asm) makes a trap look like a
call, and behind its frame lies the struct trap_frame with all of the program's registers. From there the
program's own call frame information goes on, over memory read through the process's page tables; a page of
the stack that is not in memory is said to be absent.
"""

import pathlib

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from . import elf, kernel, memory
from .command import VmCommand, number, pids
from .memory import Absent, View
from .session import program_of

DEEPEST = 48
SWITCH_EBP, SWITCH_EIP = 12, 16  # of struct switch_frame (arch/x86/context.c)


def place(address: int) -> tuple[str, str]:
    """Function and file:line of an address of the kernel's."""
    block = gdb.block_for_pc(address)
    while block is not None and block.function is None:
        block = block.superblock
    line = gdb.find_pc_line(address)
    name = block.function.name if block is not None else None
    if name is None:
        own = elf.load(pathlib.Path(gdb.objfiles()[0].filename))  # gdb knows no local labels of NASM's
        name = own.function(address) if own else "??"
    return name, f"{line.symtab.filename}:{line.line}" if line.symtab else ""


def inlined_into(address: int) -> list[str]:
    """The functions that the one at @address has been inlined into, innermost first."""
    names = []
    block = gdb.block_for_pc(address)
    while block is not None and not block.is_static:
        if block.function is not None:
            names.append(block.function.name)
        block = block.superblock
    return names[1:]


def in_stubs(address: int) -> bool:
    """Is that in the trap stubs (vectors.asm)?"""
    low = memory.address_of("trap_vector_0")
    return low <= address < memory.address_of("user_thread_start") + 32


def user_registers(trap: View) -> dict[int, int]:
    """A program's registers, by DWARF's numbers, from its trap frame."""
    return {number: trap[name] for number, name in enumerate(elf.REGISTERS)}


class Stack:
    """Walks one thread's stack: `frames` is [(address, kernel or user registers' program …)]."""

    def __init__(self, thread: View):
        self.thread = thread
        self.frames: list[dict] = []
        self.note = ""
        current = kernel.current_thread()
        try:
            if current == thread:
                self.running()
            else:
                saved = thread["context"]["stack_pointer"]
                self.kernel_frames(memory.word(saved + SWITCH_EIP), memory.word(saved + SWITCH_EBP))
        except Absent as absent:
            self.note = str(absent)

    def running(self) -> None:
        """From the processor's registers."""
        pc = memory.register("eip")
        if pc < kernel.USER_TOP:
            self.user_frames({n: memory.register(name) for n, name in enumerate(elf.REGISTERS)})
        elif in_stubs(pc) and pc < memory.address_of("user_thread_start"):
            self.add(pc, 0)
            self.in_stub()
        else:
            self.kernel_frames(pc, memory.register("ebp"), self.entered(pc))

    def in_stub(self) -> None:
        """On the way in or out: what the processor itself saved lies at the top of the kernel stack."""
        top = self.thread["stack_top"]
        if not top:
            return
        registers = {n: memory.register(name) for n, name in enumerate(elf.REGISTERS)}
        registers[elf.EIP], registers[elf.ESP] = memory.word(top - 20), memory.word(top - 8)
        if registers[elf.EIP] < kernel.USER_TOP:
            self.user_frames(registers)

    @staticmethod
    def entered(pc: int) -> int | None:
        """The return address of a function that has not made its frame yet."""
        symbol = gdb.execute(f"info symbol {pc:#x}", False, True)
        esp = memory.register("esp")
        if " in section " in symbol and " + " not in symbol.split(" in section ")[0]:
            return memory.word(esp)
        return memory.word(esp + 4) if symbol.startswith(symbol.split(" ")[0] + " + 1 in") else None

    def add(self, pc: int, program) -> None:
        self.frames.append({"pc": pc, "program": program})

    def kernel_frames(self, pc: int, pointer: int, entered: int | None = None) -> None:
        """Up the chain of frame pointers, to the trap that began it."""
        self.add(pc, None)
        if entered:
            self.add(entered, None)
            pc = entered
        while pointer >= kernel.USER_TOP and len(self.frames) < DEEPEST:
            if in_stubs(pc):
                self.trapped(View(pointer + 8, "struct trap_frame"))
                return
            upper, pc = memory.word(pointer), memory.word(pointer + 4)
            if pc < kernel.USER_TOP:
                break
            self.add(pc, None)
            if upper <= pointer:
                break
            pointer = upper
        trap = self.thread.follow("trap")
        if trap and self.thread["process"]:
            self.trapped(trap)

    def trapped(self, trap: View) -> None:
        """Through a trap frame: into the program, or into the kernel that was interrupted."""
        if trap["cs"] & 3:
            self.user_frames(user_registers(trap))
        else:
            self.kernel_frames(trap["eip"], trap["ebp"])

    def user_frames(self, registers: dict[int, int]) -> None:
        """Through the program, as its call frame information says."""
        process, space = self.thread.follow("process"), kernel.space_of(self.thread)
        known = program_of(process) if process else None
        program, bias = known or (None, 0)
        directory = kernel.directory_of(space) if space else 0

        def word(address: int) -> int:
            return int.from_bytes(memory.read_in(directory, address, 4), "little")

        above: dict[int, int] | None = registers
        first = True
        while above and above[elf.EIP] and len(self.frames) < DEEPEST:
            looked_up = dict(above)
            looked_up[elf.EIP] -= 0 if first else 1  # a return address may lie behind its function's end
            self.frames.append({"pc": above[elf.EIP], "program": program, "bias": bias, "exact": first})
            above = program.caller(looked_up, bias, word) if program else None
            first = False

    def record(self) -> dict:
        """All of it, with names and lines."""
        lines = self._user_lines()
        frames = []
        for level, frame in enumerate(self.frames):
            user = frame["pc"] < kernel.USER_TOP
            if user:
                program = frame["program"]
                address = frame["pc"] - frame["bias"] - (0 if frame["exact"] else 1)
                function = program.function(address) if program else "??"
                where = lines.get(address, "")
            else:
                function, where = place(frame["pc"] - (1 if level else 0))
            frames.append({"pc": frame["pc"], "user": user, "function": function, "where": where})
            for caller in [] if user else inlined_into(frame["pc"] - (1 if level else 0)):
                frames.append({"pc": frame["pc"], "user": False, "function": caller, "where": "", "inlined": True})
        process = self.thread.follow("process")
        return {
            "thread": self.thread.address, "id": self.thread["id"], "pid": process["pid"] if process else None,
            "name": kernel.thread_name(self.thread), "state": kernel.thread_state(self.thread),
            "frames": frames, "note": self.note,
        }

    def _user_lines(self) -> dict[int, str]:
        """Lines of the program's addresses, asked for at one go."""
        users = [f for f in self.frames if f["pc"] < kernel.USER_TOP and f["program"]]
        addresses = [f["pc"] - f["bias"] - (0 if f["exact"] else 1) for f in users]
        return dict(zip(addresses, users[0]["program"].lines(addresses))) if users else {}


def stack_lines(record: dict) -> list[str]:
    """A thread's record as text."""
    owner = f"{record['name']} (pid {record['pid']})" if record["pid"] else f"{record['name']} (kernel)"
    lines = [f"thread {owner}: {record['state']}"]
    for level, frame in enumerate(record["frames"]):
        at = f" at {frame['where']}" if frame["where"] else " (has it inline)" if "inlined" in frame else ""
        user = "user: " if frame["user"] else ""
        lines.append(f"  #{level:<2} {frame['pc']:08x} {user}{frame['function']}{at}")
    if record["note"]:
        lines.append(f"  … {record['note']}")
    return lines


class Threads(VmCommand):
    """vm threads [PID]: every thread, or a process's, with its stack: kernel, traps, and down into the program."""

    name = "threads"
    arguments = (0, 1)

    def complete(self, text: str, word: str):
        return pids(word)

    def collect(self, words: list[str]) -> dict:
        chosen = kernel.threads()
        if words:
            pid = number(words[0])
            chosen = [thread for thread in chosen if thread["process"] and thread.follow("process")["pid"] == pid]
            if not chosen:
                raise gdb.GdbError(f"no thread of a process {words[0]} (vm processes)")
        return {"threads": [Stack(thread).record() for thread in chosen]}

    def show(self, data: dict) -> None:
        for record in data["threads"]:
            print("\n".join(stack_lines(record)))


# --- gdb's own `bt` goes through traps too ----------------------------------------------------------------

class FrameId:
    """What gdb tells stack frames apart by."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class TrapUnwinder(Unwinder):
    """The stubs' frame: the interrupted registers are those of the struct trap_frame behind it."""

    def __init__(self):
        super().__init__("faultline-trap")

    def __call__(self, pending):
        pc = pending.read_register("eip")
        address = int(pc) & 0xFFFFFFFF
        call, save, leave = (memory.address_of(f"trap_{name}") for name in ("system_call", "save", "restore"))
        if not (call + 30 < address < save or save + 30 < address < leave):
            return None
        pointer = int(pending.read_register("ebp")) & 0xFFFFFFFF
        try:
            trap = View(pointer + 8, "struct trap_frame")
            info = pending.create_unwind_info(FrameId(pending.read_register("esp"), pc))
            word = gdb.lookup_type("unsigned int")
            for name in elf.REGISTERS:
                if name != "esp":
                    info.add_saved_register(name, gdb.Value(trap[name]).cast(word))
            esp = trap["esp"] if trap["cs"] & 3 else trap.place("esp")
            info.add_saved_register("esp", gdb.Value(esp).cast(word))
            return info
        except (Absent, gdb.error):
            return None


register_unwinder(None, TrapUnwinder(), True)
