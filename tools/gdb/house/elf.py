"""Programs on this machine: which file a process runs, its symbols, and how its stack is unwound.

The call frame information (.debug_frame, .eh_frame) says for every instruction where the caller's registers
are. gdb could read it, but it unwinds the stack of the running program only; a sleeping one's is reached
through its own page tables.

Sources: System V ABI, Intel386 supplement (ELF32, registers); DWARF 4, 6.4 (call frame information); Linux
Standard Base, 10.6 (.eh_frame).
"""

import bisect
import pathlib
import shutil
import struct
import subprocess

ESP, EIP = 4, 8  # DWARF's numbers of i386 registers
REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip")


class Reader:
    """A cursor over bytes."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def number(self, size: int, signed: bool = False) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "little", signed=signed)

    def leb(self, signed: bool = False) -> int:
        """A number of DWARF's variable length."""
        result = shift = 0
        while True:
            byte = self.number(1)
            result |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return result - (1 << shift) if signed and byte & 0x40 else result

    def string(self) -> str:
        end = self.data.index(b"\0", self.at)
        text = self.data[self.at:end].decode(errors="replace")
        self.at = end + 1
        return text


class Cie:
    """What the entries of one source file share."""

    def __init__(self, reader: Reader, eh_frame: bool):
        version = reader.number(1)
        self.augmentation = reader.string()
        if version >= 4:
            reader.at += 2  # sizes of address and segment
        self.code, self.data = reader.leb(), reader.leb(signed=True)
        self.return_register = reader.number(1) if version == 1 else reader.leb()
        self.encoding = 0
        if eh_frame and self.augmentation.startswith("z"):
            length = reader.leb()
            end = reader.at + length
            for letter in self.augmentation[1:]:
                if letter == "R":
                    self.encoding = reader.number(1)
                elif letter == "P":
                    size = {0: 4, 2: 2, 3: 4, 4: 8}[reader.number(1) & 7]
                    reader.at += size
                elif letter == "L":
                    reader.at += 1
            reader.at = end
        self.initial = reader.at


class FrameTable:
    """The entries of one section, by the address of their functions."""

    def __init__(self, data: bytes, address: int, eh_frame: bool):
        self.data, self.address, self.eh_frame = data, address, eh_frame
        self.entries: list[tuple[int, int, Cie, int, int, int]] = []  # low, high, cie, first, end, cie's end
        cies: dict[int, tuple[Cie, int]] = {}
        at = 0
        while at + 8 <= len(data):
            reader = Reader(data, at)
            length = reader.number(4)
            end = reader.at + length
            if length in (0, 0xFFFFFFFF):
                at = end if length == 0 else len(data)
                continue
            place = reader.at
            pointer = reader.number(4)
            if pointer == (0 if eh_frame else 0xFFFFFFFF):
                cies[at] = (Cie(reader, eh_frame), end)
            else:
                owner = place - pointer if eh_frame else pointer
                if owner in cies:
                    self._add(reader, *cies[owner], end)
            at = end
        self.entries.sort(key=lambda entry: entry[0])
        self.lows = [entry[0] for entry in self.entries]

    def _add(self, reader: Reader, cie: Cie, cie_end: int, end: int) -> None:
        place = reader.at
        low = reader.number(4, signed=bool(cie.encoding & 8))
        if cie.encoding & 0x70 == 0x10:  # relative to where it stands
            low += self.address + place
        low &= 0xFFFFFFFF
        high = low + reader.number(4)
        if self.eh_frame and cie.augmentation.startswith("z"):
            size = reader.leb()
            reader.at += size
        self.entries.append((low, high, cie, reader.at, end, cie_end))

    def rules(self, pc: int) -> tuple[tuple[int, int] | None, dict[int, int]] | None:
        """((register, offset) of the caller's stack pointer, offset from it of each saved register)."""
        at = bisect.bisect_right(self.lows, pc) - 1
        if at < 0 or not self.entries[at][0] <= pc < self.entries[at][1]:
            return None
        low, _, cie, first, end, cie_end = self.entries[at]
        machine = CallFrameMachine(self.data, cie)
        machine.run(cie.initial, cie_end, 0, 0)
        machine.initial = dict(machine.saved)
        machine.run(first, end, low, pc)
        return machine.cfa, machine.saved


class CallFrameMachine:
    """Carries out call frame instructions up to an address (DWARF 4, 6.4.2). Expressions are not known."""

    def __init__(self, data: bytes, cie: Cie):
        self.data, self.cie = data, cie
        self.cfa: tuple[int, int] | None = None
        self.saved: dict[int, int] = {}
        self.initial: dict[int, int] = {}
        self.stack: list[tuple] = []

    def run(self, first: int, end: int, location: int, pc: int) -> None:
        reader = Reader(self.data, first)
        while reader.at < end:
            code = reader.number(1)
            high, low = code & 0xC0, code & 0x3F
            if high == 0x40:
                location += low * self.cie.code
            elif high == 0x80:
                self.saved[low] = reader.leb() * self.cie.data
            elif high == 0xC0:
                self._restore(low)
            elif code in (0x02, 0x03, 0x04):
                location += reader.number(1 << (code - 2)) * self.cie.code
            elif code == 0x01:
                location = reader.number(4)
            else:
                self._other(code, reader)
            if location > pc:
                return

    def _restore(self, register: int) -> None:
        self.saved.pop(register, None)
        if register in self.initial:
            self.saved[register] = self.initial[register]

    def _other(self, code: int, reader: Reader) -> None:
        if code == 0x05:
            register = reader.leb()
            self.saved[register] = reader.leb() * self.cie.data
        elif code == 0x06:
            self._restore(reader.leb())
        elif code in (0x07, 0x08):
            self.saved.pop(reader.leb(), None)
        elif code == 0x0A:
            self.stack.append((self.cfa, dict(self.saved)))
        elif code == 0x0B and self.stack:
            self.cfa, self.saved = self.stack.pop()
        elif code == 0x0C:
            register = reader.leb()
            self.cfa = (register, reader.leb())
        elif code == 0x0D:
            self.cfa = (reader.leb(), self.cfa[1] if self.cfa else 0)
        elif code == 0x0E:
            self.cfa = (self.cfa[0] if self.cfa else ESP, reader.leb())
        elif code == 0x0F:
            reader.at += reader.leb()
            self.cfa = None
        elif code in (0x10, 0x16):
            reader.leb()
            length = reader.leb()
            reader.at += length
        elif code == 0x11:
            register = reader.leb()
            self.saved[register] = reader.leb(signed=True) * self.cie.data
        elif code == 0x2E:
            reader.leb()


class Program:
    """An ELF file: symbols and call frame information, at a bias."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.data = path.read_bytes()
        header = struct.unpack_from("<HHIIIIIHHHHHH", self.data, 16)
        self.movable = header[0] == 3
        self.sections = self._sections(header[5], header[10], header[11], header[12])
        loads = [struct.unpack_from("<8I", self.data, header[4] + i * header[8]) for i in range(header[9])]
        self.code_start = min((p[2] for p in loads if p[0] == 1 and p[6] & 1), default=0)
        self.tables = self._frame_tables()
        self.symbols = self._symbols()
        self.starts = [symbol[0] for symbol in self.symbols]

    def _sections(self, at: int, size: int, count: int, names: int) -> dict[str, tuple[int, int, int]]:
        headers = [struct.unpack_from("<10I", self.data, at + i * size) for i in range(count)]
        found = {}
        for name, kind, _, address, offset, length, *_ in headers:
            text = Reader(self.data, headers[names][4] + name).string()
            if kind != 8:
                found[text] = (address, offset, length)
        return found

    def _frame_tables(self) -> list[FrameTable]:
        tables = []
        for name in (".debug_frame", ".eh_frame"):
            if name in self.sections:
                address, offset, length = self.sections[name]
                data = self.data[offset:offset + length]
                tables.append(FrameTable(data, address, name == ".eh_frame"))
        return tables

    def _symbols(self) -> list[tuple[int, int, str]]:
        if ".symtab" not in self.sections:
            return []
        _, offset, length = self.sections[".symtab"]
        strings = self.sections[".strtab"][1]
        found = []
        for name, value, size, info, _, section in struct.iter_unpack("<IIIBBH", self.data[offset:offset + length]):
            if section and info & 15 in (0, 2) and name:
                found.append((value, size, strings + name))
        found.sort()
        return found

    def function(self, address: int) -> str:
        """The function that an address of the file lies in."""
        at = bisect.bisect_right(self.starts, address) - 1
        while at >= 0 and address - self.symbols[at][0] < 65536:
            value, size, place = self.symbols[at]
            name = Reader(self.data, place).string()
            if (size == 0 or value <= address < value + size) and "." not in name:
                return name
            at -= 1
        return "??"

    def caller(self, registers: dict[int, int], bias: int, word) -> dict[int, int] | None:
        """The caller's registers; @word reads the program's memory. None: the stack ends, or nothing known."""
        pc = registers[EIP] - bias
        rules = next((r for r in (table.rules(pc) for table in self.tables) if r), None)
        if rules is None or rules[0] is None or rules[0][0] not in registers:
            return None
        (base, offset), saved = rules
        cfa = registers[base] + offset & 0xFFFFFFFF
        above = dict(registers)
        for register, place in saved.items():
            if register <= EIP:
                above[register] = word(cfa + place & 0xFFFFFFFF)
        above[ESP] = cfa
        return above if EIP in saved else None

    def lines(self, addresses: list[int]) -> list[str]:
        """"file:line" for each address of the file, "" where it is not known."""
        if not addresses or not shutil.which("addr2line"):
            return [""] * len(addresses)
        command = ["addr2line", "-e", str(self.path), *(f"{address:#x}" for address in addresses)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line.split(" ")[0] for line in done.stdout.splitlines()]
        if len(lines) != len(addresses):
            return [""] * len(addresses)
        here = str(pathlib.Path.cwd()) + "/"
        return ["" if line.startswith("?") or line.endswith("?") else line.removeprefix(here) for line in lines]


_programs: dict[pathlib.Path, tuple[int, Program | None]] = {}


def load(path: pathlib.Path) -> Program | None:
    """The program in that file, read once; None if it is no ELF file."""
    stamp = path.stat().st_mtime_ns
    if _programs.get(path, (0, None))[0] != stamp:
        try:
            _programs[path] = (stamp, Program(path))
        except (struct.error, IndexError, KeyError, ValueError):
            _programs[path] = (stamp, None)
    return _programs[path][1]
