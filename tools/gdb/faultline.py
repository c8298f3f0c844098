"""GDB commands for Faultline: what the kernel's structures say, in the words of mm/.

    vm counters [WORD]   counters that are not zero, or those whose name contains WORD
    vm frames            frames by state and owner
    vm frame N           one frame: state, owner, mappings
    vm processes         processes, their threads' states and their memory
    vm areas PID         a process's areas
    vm threads           every thread's kernel stack
    vm log [N]           the last lines of the kernel log        (in a session of `make gdb`)
    vm console [N]       the last lines of the console           (in a session of `make gdb`)
    vm type TEXT         types TEXT and a newline on the console (in a session of `make gdb`)
    add-user PROGRAM     symbols of build/user/PROGRAM, for breakpoints in ring 3

Nothing here changes the machine (but `vm type`). All commands only read memory and may be used wherever
the machine stops once paging is on.
"""

import collections
import os
import pathlib

import gdb

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SESSION = os.environ.get("FAULTLINE_SESSION", "")
DEEPEST = 32
PAGE_SIZE = 4096


def value(expression: str) -> gdb.Value:
    """A C expression's value."""
    return gdb.parse_and_eval(expression)


def text(pointer: gdb.Value) -> str:
    """A C string, or "-" for NULL."""
    return pointer.string() if int(pointer) else "-"


def enumerators(type_name: str) -> list[str]:
    """Names of an enum, in the order of their values."""
    return [field.name for field in gdb.lookup_type(type_name).fields()]


def each(head: gdb.Value, type_name: str, member: str):
    """The elements of a list of lib/list.h, like list_for_each there."""
    element_type = gdb.lookup_type(type_name)
    offset = next(field.bitpos // 8 for field in element_type.fields() if field.name == member)
    end = int(head.address)
    link = int(head["next"])
    seen = set()
    while link not in (end, 0) and link not in seen:
        seen.add(link)
        yield gdb.Value(link - offset).cast(element_type.pointer())
        link = int(gdb.Value(link).cast(gdb.lookup_type("struct list").pointer())["next"])


def word_at(address: int) -> int:
    """The 32-bit word at a virtual address."""
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 4).tobytes(), "little")


def place(address: int) -> str:
    """function and file:line of a code address."""
    block = gdb.block_for_pc(address)
    while block is not None and block.function is None:
        block = block.superblock
    line = gdb.find_pc_line(address)
    name = block.function.name if block is not None else None
    if name is None:
        symbol = gdb.execute(f"info symbol {address:#x}", to_string=True)
        name = symbol.split(" ")[0] if " in section " in symbol else "??"
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
    return name + where


class Vm(gdb.Command):
    """What Faultline's memory looks like: `help vm`."""

    def __init__(self):
        super().__init__("vm", gdb.COMMAND_DATA, prefix=True)


class VmCommand(gdb.Command):
    """Base: says in one line when the kernel's memory cannot be read (yet)."""

    name = ""

    def __init__(self):
        super().__init__(f"vm {self.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool):
        try:
            self.run(argument.strip())
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{error}: not mapped now (before paging is on, or another space?)")

    def run(self, argument: str):
        """The command itself."""
        raise NotImplementedError


class Counters(VmCommand):
    """vm counters [WORD]: events since boot, those that are not zero or whose name contains WORD."""

    name = "counters"

    def run(self, argument: str):
        counters, names = value("counters"), value("counter_names")
        for index in range(counters.type.range()[1] + 1):
            name, number = text(names[index]), int(counters[index])
            if argument in name if argument else number:
                print(f"{name:24} {number}")


class Frames(VmCommand):
    """vm frames: how many frames are in each state, and whose they are."""

    name = "frames"

    def run(self, argument: str):
        states, owners = enumerators("enum frame_state"), enumerators("enum frame_owner")
        table, total = value("frame_table"), int(value("frame_total"))
        count: collections.Counter = collections.Counter()
        size = table.dereference().type.sizeof
        layout = {field.name: field.bitpos // 8 for field in table.dereference().type.fields()}
        memory = gdb.selected_inferior().read_memory(int(table), size * total).tobytes()
        for start in range(0, len(memory), size):
            count[memory[start + layout["state"]], memory[start + layout["owner"]]] += 1
        shown = [owner.removeprefix("OWNER_").lower() for owner in owners]
        print(f"{'state':10}" + "".join(f"{owner:>10}" for owner in shown) + f"{'all':>10}")
        for state, label in enumerate(states):
            row = [count[state, owner] for owner in range(len(owners))]
            if label != "FRAME_STATES":
                label = label.removeprefix("FRAME_")
                print(f"{label:10}" + "".join(f"{n:>10}" for n in row) + f"{sum(row):>10}")
        print(f"{'all':10}" + " " * 10 * len(owners) + f"{total:>10}")


class Frame(VmCommand):
    """vm frame N: one frame by its number (physical address >> 12)."""

    name = "frame"

    def run(self, argument: str):
        if not argument:
            raise gdb.GdbError("vm frame N")
        frame = value(f"frame_table[{argument}]")
        state = enumerators("enum frame_state")[int(frame["state"])]
        owner = enumerators("enum frame_owner")[int(frame["owner"])]
        flags = [flag for flag in ("referenced", "modified", "pageable", "prefetched") if frame[flag]]
        print(f"{state} {owner} pins={int(frame['pins'])} {' '.join(flags)}")
        if owner == "OWNER_ANON":
            print(f"anon {frame['anon'].dereference()}")
        elif owner == "OWNER_OBJECT":
            pager = text(frame["object"]["pager"]["name"])
            print(f"object {int(frame['object']):#x} ({pager}), page {int(frame['index'])}")
        mapping = frame["map"]
        while int(mapping["space"]):
            print(f"mapped by pid {int(mapping['space']['owner_pid'])} at {int(mapping['address']):#010x}")
            if not int(mapping["next"]):
                break
            mapping = mapping["next"].dereference()


def process_name(process: gdb.Value) -> str:
    return process["name"].string(errors="replace")


class Processes(VmCommand):
    """vm processes: pid, parent, state of the threads, areas, faults."""

    name = "processes"

    def run(self, argument: str):
        states = enumerators("enum thread_state")
        heading = f"{'pid':>5}{'parent':>7}  {'name':16}{'state':10}"
        print(heading + f"{'areas':>6}{'pages':>8}{'minor':>8}{'major':>8}")
        for process in each(value("processes"), "struct process", "all"):
            threads = each(process["threads"], "struct thread", "siblings")
            state = ",".join(states[int(t["state"])].removeprefix("THREAD_").lower() for t in threads)
            parent = int(process["parent"]["pid"]) if int(process["parent"]) else 0
            line = f"{int(process['pid']):>5}{parent:>7}  {process_name(process):16}{state or 'zombie':10}"
            if int(process["space"]):
                space = process["space"].dereference()
                areas = list(each(space["areas"], "struct area", "link"))
                pages = sum(int(area["pages"]) for area in areas)
                faults = space["faults"]
                line += f"{len(areas):>6}{pages:>8}{int(faults['minor']):>8}{int(faults['major']):>8}"
            print(line)


class Areas(VmCommand):
    """vm areas PID: what a process has mapped."""

    name = "areas"

    def run(self, argument: str):
        for process in each(value("processes"), "struct process", "all"):
            if str(int(process["pid"])) != argument or not int(process["space"]):
                continue
            for area in each(process["space"]["areas"], "struct area", "link"):
                self.show(area)
            return
        raise gdb.GdbError("vm areas PID: no such process (vm processes)")

    @staticmethod
    def show(area: gdb.Value):
        """One line like those of /proc/PID/maps."""
        flags, start = int(area["flags"]), int(area["start"])
        letters = "".join(c if flags & bit else "-" for c, bit in (("r", 1), ("w", 2), ("x", 4)))
        letters += "s" if flags & 8 else "p"
        backing = "zero-fill"
        if int(area["object"]):
            pager = text(area["object"]["pager"]["name"])
            backing = f"object {int(area['object']):#x} ({pager}) from page {int(area['object_offset'])}"
        touched = f", amap {int(area['amap']):#x}" if int(area["amap"]) else ""
        end = start + int(area["pages"]) * PAGE_SIZE
        print(f"{start:08x}-{end:08x} {letters} {backing}{touched}")


class Threads(VmCommand):
    """vm threads: every thread and its kernel stack, innermost first."""

    name = "threads"

    def run(self, argument: str):
        states = enumerators("enum thread_state")
        current = int(value("thread_current"))
        for thread in each(value("threads"), "struct thread", "all"):
            state = states[int(thread["state"])].removeprefix("THREAD_").lower()
            process = thread["process"]
            if int(process):
                name = f"{process_name(process)} (pid {int(process['pid'])})"
            else:
                name = text(thread["name"]) + " (kernel)"
            print(f"thread {name}: {state}")
            for level, address in enumerate(self.stack(thread, int(thread) == current)):
                print(f"  #{level:<2} {address:08x} {place(address - (1 if level else 0))}")

    @staticmethod
    def stack(thread: gdb.Value, running: bool) -> list[int]:
        """Code addresses: from the registers, or from where switch_stacks (arch/x86/switch.asm) left off."""
        if running:
            pointer, addresses = int(value("(unsigned)$ebp")), [int(value("(unsigned)$eip"))]
        else:
            saved = int(thread["context"]["stack_pointer"])
            pointer, addresses = word_at(saved + 12), [word_at(saved + 16)]
        try:
            while pointer >= 0xC0000000 and len(addresses) < DEEPEST:
                upper, address = word_at(pointer), word_at(pointer + 4)
                if address < 0xC0000000:
                    break
                addresses.append(address)
                if upper <= pointer:
                    break
                pointer = upper
        except gdb.MemoryError:
            pass
        return addresses


class SessionTail(VmCommand):
    """Base: the last lines of a file of the session."""

    def run(self, argument: str):
        if not SESSION:
            raise gdb.GdbError("only in a session of `make gdb`")
        lines = (pathlib.Path(SESSION) / self.name).read_bytes().decode(errors="replace").splitlines()
        print("\n".join(lines[-int(argument or 20):]))


class Log(SessionTail):
    """vm log [N]: the last lines of the kernel log."""

    name = "log"


class Console(SessionTail):
    """vm console [N]: the last lines of the console."""

    name = "console"


class Type(VmCommand):
    """vm type TEXT: types a line on the console; continue, then look with `vm console`."""

    name = "type"

    def run(self, argument: str):
        if not SESSION:
            raise gdb.GdbError("only in a session of `make gdb`")
        descriptor = os.open(pathlib.Path(SESSION) / "keyboard", os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, argument.encode() + b"\n")
        os.close(descriptor)


class AddUser(gdb.Command):
    """add-user PROGRAM: loads the symbols of build/user/PROGRAM."""

    def __init__(self):
        super().__init__("add-user", gdb.COMMAND_FILES)

    def invoke(self, argument: str, from_tty: bool):
        program = ROOT / "build/user" / argument.strip()
        if not argument.strip() or not program.is_file():
            raise gdb.GdbError("add-user PROGRAM: one of build/user")
        gdb.execute('add-symbol-file "' + str(program) + '"', from_tty)


for command in (Vm, Counters, Frames, Frame, Processes, Areas, Threads, Log, Console, Type, AddUser):
    command()
