"""The guest's memory as bytes, and its structures as views.

Everything is read through physical memory: the kernel's direct map shows all of it, and what lies elsewhere
(a program's pages, kernel stacks) is found by walking page tables here, as the processor would. So nothing
faults: what is not there raises Absent, with the address. Pages are read once a stop and kept until the
machine runs again.

Structures are decoded with the layouts of the kernel's own debugging information. They and the addresses of
variables are looked up in the kernel's symbols alone: a program's may have the same names.
"""

import gdb

PAGE_SIZE = 4096
DIRECT_MAP = 0xC0000000
DIRECT_MAP_END = 0xF0000000
PTE_PRESENT, PTE_WRITABLE, PTE_USER, PTE_ACCESSED, PTE_DIRTY, PTE_LARGE = 1, 2, 4, 0x20, 0x40, 0x80
FRAME_MASK = 0xFFFFF000


class Absent(Exception):
    """Nothing can be read at `address`."""

    def __init__(self, address: int, why: str = "absent"):
        super().__init__(f"{address:#010x}: {why}")
        self.address = address


def register(name: str) -> int:
    """A register of the processor, unsigned."""
    return int(gdb.parse_and_eval(f"${name}").cast(gdb.lookup_type("unsigned int")))


# --- bytes ------------------------------------------------------------------------------------------------

_pages: dict[int, bytes] = {}


def forget(*_unused) -> None:
    """The machine runs, or may have run: what has been read says nothing any more."""
    _pages.clear()


gdb.events.cont.connect(forget)
gdb.events.memory_changed.connect(forget)


def _physical_page(page: int) -> bytes:
    if page not in _pages:
        if not register("cr0") & 0x80000000:
            raise Absent(page, "paging is not on yet")
        if page >= DIRECT_MAP_END - DIRECT_MAP:
            raise Absent(page, "physical memory outside the kernel's direct map")
        try:
            _pages[page] = gdb.selected_inferior().read_memory(page + DIRECT_MAP, PAGE_SIZE).tobytes()
        except gdb.MemoryError:
            raise Absent(page, "no such physical memory") from None
    return _pages[page]


def peek(address: int) -> int:
    """The word at an address that is mapped now, in one packet and past the kept pages: for breakpoints."""
    try:
        return int.from_bytes(gdb.selected_inferior().read_memory(address, 4).tobytes(), "little")
    except gdb.MemoryError:
        raise Absent(address) from None


def read_physical(address: int, size: int) -> bytes:
    """@size bytes at a physical address."""
    parts = []
    while size > 0:
        start = address % PAGE_SIZE
        part = _physical_page(address - start)[start:start + size]
        parts.append(part)
        address, size = address + len(part), size - len(part)
    return b"".join(parts)


def word_physical(address: int) -> int:
    """The 32-bit word at a physical address."""
    return int.from_bytes(read_physical(address, 4), "little")


def entry_of(directory: int, address: int) -> tuple[int, int | None, int]:
    """(directory entry, physical address of the table entry or None, table entry) for a virtual address."""
    pde = word_physical(directory + (address >> 22) * 4)
    if not pde & PTE_PRESENT:
        return pde, None, 0
    if pde & PTE_LARGE:
        return pde, None, (pde & 0xFFC00000 | address & 0x003FF000) | pde & 0xFFF
    place = (pde & FRAME_MASK) + (address >> 12 & 1023) * 4
    return pde, place, word_physical(place)


def translate(directory: int, address: int) -> int:
    """The physical address that a virtual one has in the page tables of @directory."""
    entry = entry_of(directory, address)[2]
    if not entry & PTE_PRESENT:
        raise Absent(address)
    return (entry & FRAME_MASK) | address % PAGE_SIZE


def read_in(directory: int, address: int, size: int) -> bytes:
    """@size bytes of the address space whose page directory is at physical @directory."""
    parts = []
    while size > 0:
        count = min(size, PAGE_SIZE - address % PAGE_SIZE)
        parts.append(read_physical(translate(directory, address), count))
        address, size = address + count, size - count
    return b"".join(parts)


def read(address: int, size: int) -> bytes:
    """@size bytes at an address of the kernel's."""
    if DIRECT_MAP <= address < DIRECT_MAP_END:
        return read_physical(address - DIRECT_MAP, size)
    if address < DIRECT_MAP:
        raise Absent(address, "no kernel address")
    return read_in(address_of("kernel_directory") - DIRECT_MAP, address, size)


def word(address: int) -> int:
    """The 32-bit word at an address of the kernel's."""
    return int.from_bytes(read(address, 4), "little")


def string(address: int, most: int = 4096) -> str:
    """The C string at an address of the kernel's; "" for NULL."""
    taken = b""
    while address and len(taken) < most:
        part = read(address, PAGE_SIZE - address % PAGE_SIZE)
        head, end, _ = part.partition(b"\0")
        taken += head
        if end:
            break
        address += len(part)
    return taken.decode(errors="replace")


# --- structures -------------------------------------------------------------------------------------------

class Layout:
    """A type, as far as bytes are decoded with it."""

    def __init__(self, kind: gdb.Type):
        kind = kind.strip_typedefs()
        self.name, self.size, self.code = kind.name or kind.tag, kind.sizeof, kind.code
        self.signed = self.code == gdb.TYPE_CODE_INT and getattr(kind, "is_signed", False)
        self.fields: dict[str, tuple[int, "Layout"]] = {}
        self.target: gdb.Type | None = None
        if self.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            self._add_fields(kind, 0)
        elif self.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY):
            self.target = kind.target()
            self.count = kind.range()[1] + 1 if self.code == gdb.TYPE_CODE_ARRAY else 0

    def _add_fields(self, kind: gdb.Type, base: int) -> None:
        for field in kind.fields():
            offset = base + field.bitpos // 8
            if field.name:
                self.fields[field.name] = (offset, layout_of(field.type))
            else:  # what a nameless union holds belongs to the structure around it
                self._add_fields(field.type.strip_typedefs(), offset)

    def decode(self, address: int):
        """What lies at @address: a number, a View, or a list of either."""
        if self.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return View(address, self)
        if self.code == gdb.TYPE_CODE_ARRAY:
            element = layout_of(self.target)
            return [element.decode(address + i * element.size) for i in range(self.count)]
        return int.from_bytes(read(address, self.size), "little", signed=self.signed)


_layouts: dict[str, Layout] = {}


def layout_of(kind: gdb.Type | str) -> Layout:
    """The layout of a type or of the kernel's type of that name."""
    if isinstance(kind, str):
        if kind not in _layouts:
            _layouts[kind] = Layout(gdb.lookup_type(kind))
        return _layouts[kind]
    name = str(kind)
    if name not in _layouts or "{...}" in name:  # those without a name look alike
        made = Layout(kind)
        if "{...}" in name:
            return made
        _layouts[name] = made
    return _layouts[name]


class View:
    """A structure at an address: view["field"], and view.follow("pointer") for what that points to."""

    __slots__ = ("address", "layout")

    def __init__(self, address: int, layout: Layout | str):
        self.address = address
        self.layout = layout_of(layout) if isinstance(layout, str) else layout

    def __getitem__(self, name: str):
        offset, layout = self.layout.fields[name]
        return layout.decode(self.address + offset)

    def __eq__(self, other) -> bool:
        return isinstance(other, View) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def place(self, name: str) -> int:
        """The address of a field."""
        return self.address + self.layout.fields[name][0]

    def follow(self, name: str) -> "View | None":
        """What a pointer field points to; None for NULL."""
        offset, layout = self.layout.fields[name]
        pointer = layout.decode(self.address + offset)
        return View(pointer, layout_of(layout.target)) if pointer else None

    def text(self, name: str) -> str:
        """A char pointer's or array's string."""
        offset, layout = self.layout.fields[name]
        if layout.code == gdb.TYPE_CODE_ARRAY:
            data = read(self.address + offset, layout.size)
            return data.partition(b"\0")[0].decode(errors="replace")
        return string(layout.decode(self.address + offset))


def each(head: View, kind: str, member: str):
    """The elements of a list of lib/list.h. One that has lost its end raises Absent."""
    layout = layout_of(kind)
    offset = layout.fields[member][0]
    link, seen = head["next"], set()
    while link not in (head.address, 0):
        if link in seen:
            raise Absent(link, "a list without end")
        seen.add(link)
        element = View(link - offset, layout)
        yield element
        link = element[member]["next"]


# --- the kernel's names -----------------------------------------------------------------------------------

_addresses: dict[str, int] = {}


def address_of(name: str) -> int:
    """The address of a variable or function of the kernel's: "name", or "mm/swap.c:name" of a static one."""
    if name not in _addresses:
        file, _, plain = name.rpartition(":")
        expression = f"&'{file}'::{plain}" if file else f"&'{plain}'"
        try:
            _addresses[name] = int(gdb.parse_and_eval(expression)) & 0xFFFFFFFF
        except gdb.error as error:
            raise Absent(0, f"no symbol {name}: {error}") from None
    return _addresses[name]


_constants: dict[str, int] = {}


def constant(name: str) -> int:
    """The value of an enumerator of the kernel's."""
    if name not in _constants:
        _constants[name] = int(gdb.parse_and_eval(name))
    return _constants[name]


_variables: dict[str, Layout] = {}


def variable(name: str):
    """The value of a variable of the kernel's (a View if it is a structure)."""
    if name not in _variables:
        file, _, plain = name.rpartition(":")
        expression = f"'{file}'::{plain}" if file else f"'{plain}'"
        address_of(name)
        _variables[name] = layout_of(gdb.parse_and_eval(expression).type)
    return _variables[name].decode(address_of(name))


def enumerators(name: str, prefix: str) -> list[str]:
    """The names of an enum by value, in lower case, without @prefix."""
    fields = gdb.lookup_type(name).fields()
    names = [""] * (max(field.enumval for field in fields) + 1)
    for field in fields:
        names[field.enumval] = field.name.removeprefix(prefix).lower()
    return names
