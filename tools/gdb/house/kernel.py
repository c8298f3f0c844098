"""Faultline's structures as mm, kernel and drivers have them: who runs, what is mapped, whose page it is."""

from . import memory
from .memory import PAGE_SIZE, Absent, View, each, variable, word

# enum area_flags (mm/space.h)
AREA_READ, AREA_WRITE, AREA_EXEC, AREA_SHARED, AREA_LOCKED = 1, 2, 4, 8, 128
USER_TOP = 0xC0000000
SECTORS_PER_PAGE = 8
AMAP_SECTION = 1024
EXT2_DIRECT = 12


class Names:
    """Names of the enums, looked up when first wanted."""

    def __init__(self):
        self.known: dict[tuple[str, str], list[str]] = {}

    def of(self, kind: str, prefix: str, number: int) -> str:
        if (kind, prefix) not in self.known:
            self.known[kind, prefix] = memory.enumerators(kind, prefix)
        names = self.known[kind, prefix]
        return names[number] if number < len(names) else f"{number}?"


NAMES = Names()


def frame_state(frame: View) -> str:
    """"active", "dirty", …"""
    return NAMES.of("enum frame_state", "FRAME_", frame["state"])


def frame_owner(frame: View) -> str:
    """"none", "anon" or "object"."""
    return NAMES.of("enum frame_owner", "OWNER_", frame["owner"])


# --- processes and threads --------------------------------------------------------------------------------

def threads() -> list[View]:
    """All threads."""
    return list(each(variable("threads"), "struct thread", "all"))


def processes() -> list[View]:
    """All processes, zombies too."""
    return list(each(variable("processes"), "struct process", "all"))


def current_thread() -> View | None:
    """The running thread; None before there are threads."""
    pointer = variable("thread_current")
    return View(pointer, "struct thread") if pointer else None


def current_process() -> View | None:
    """The running thread's process; None for a kernel thread."""
    thread = current_thread()
    return thread.follow("process") if thread else None


def space_of(thread: View) -> View | None:
    """The space a thread runs in."""
    borrowed, process = thread.follow("borrowed"), thread.follow("process")
    return borrowed if borrowed or not process else process.follow("space")


def process_by_pid(pid: int) -> View | None:
    """The process of that number."""
    return next((process for process in processes() if process["pid"] == pid), None)


def thread_name(thread: View) -> str:
    """The program's name, or that of a kernel thread."""
    process = thread.follow("process")
    return process.text("name") if process else thread.text("name") or "?"


def thread_state(thread: View) -> str:
    """"running", "asleep", …"""
    return NAMES.of("enum thread_state", "THREAD_", thread["state"])


def directory_of(space: View) -> int:
    """The physical address of a space's page directory."""
    return space["pmap"]["directory"]


# --- address spaces ---------------------------------------------------------------------------------------

def areas_of(space: View) -> list[View]:
    """The areas of a space, by address."""
    return list(each(space["areas"], "struct area", "link"))


def area_end(area: View) -> int:
    """The first address behind an area."""
    return area["start"] + area["pages"] * PAGE_SIZE


def find_area(space: View, address: int) -> View | None:
    """The area that holds @address."""
    return next((area for area in areas_of(space) if area["start"] <= address < area_end(area)), None)


def amap_chunk() -> int:
    """Entries of a chunk of an amap."""
    return memory.constant("AMAP_CHUNK")


def amap_get(amap: View, index: int) -> View | None:
    """The anon of entry @index (mm/amap.c: sections of chunks)."""
    size = amap_chunk()
    chunk = index // size
    if index >= amap["pages"]:
        return None
    section = amap["sections"][chunk // AMAP_SECTION]["chunks"]
    entries = word(section + chunk % AMAP_SECTION * 4) if section else 0
    anon = word(entries + index % size * 4) if entries else 0
    return View(anon, "struct anon") if anon else None


def amap_entries(amap: View):
    """(index, anon) of all entries in use."""
    size = amap_chunk()
    chunks = amap["pages"] // size
    for number, section in enumerate(amap["sections"]):
        pointers = section["chunks"]
        here = min(max(chunks - number * AMAP_SECTION, 0), AMAP_SECTION)
        for chunk in range(here if pointers else 0):
            entries = word(pointers + chunk * 4)
            if not entries:
                continue
            data = memory.read(entries, size * 4)
            for slot in range(size):
                anon = int.from_bytes(data[slot * 4:slot * 4 + 4], "little")
                if anon:
                    yield (number * AMAP_SECTION + chunk) * size + slot, View(anon, "struct anon")


# --- frames -----------------------------------------------------------------------------------------------

def frame_total() -> int:
    """Entries of the frame table."""
    return variable("frame_total")


def frame(number: int) -> View:
    """Entry @number of the frame table."""
    table = variable("frame_table")
    if not table or number >= frame_total():
        raise Absent(number * PAGE_SIZE, "no such frame")
    return View(table + number * memory.layout_of("struct frame").size, "struct frame")


def frame_number(entry: View) -> int:
    """The number of a frame."""
    return (entry.address - variable("frame_table")) // entry.layout.size


def mappings(entry: View) -> list[View]:
    """The reverse map of a frame."""
    found: list[View] = []
    mapping: View | None = entry["map"]
    while mapping and mapping["space"] and len(found) < 10000:
        found.append(mapping)
        mapping = mapping.follow("next")
    return found


def object_lookup(owner: View, index: int) -> View | None:
    """The resident frame of an object's page."""
    for entry in each(owner["pages"], "struct frame", "siblings"):
        if entry["index"] == index:
            return entry
    return None


def pager_name(owner: View) -> str:
    """The kind of an object."""
    pager = owner.follow("pager")
    return pager.text("name") if pager else "?"


def is_file(owner: View) -> bool:
    """Is the object part of an ext2 file's vnode?"""
    return pager_name(owner) == "ext2"


def inode_of(owner: View) -> View:
    """The ext2 inode whose vnode begins with the object."""
    return View(owner.address, "struct ext2_inode")


# --- a virtual page ---------------------------------------------------------------------------------------

class Page:
    """What is known of one virtual page: its area, its owner (rule 1), its frame, its table entry."""

    def __init__(self, space: View, address: int):
        self.space, self.address = space, address & ~(PAGE_SIZE - 1)
        self.area = find_area(space, address)
        self.anon: View | None = None
        self.owner: View | None = None  # the object, if the page is the object's
        self.index = 0  # page of the object, or entry of the amap
        self.frame: View | None = None
        self.pde, self.pte_place, self.pte = memory.entry_of(directory_of(space), self.address)
        if self.area:
            self._find_owner(self.area)

    def _find_owner(self, area: View) -> None:
        page = (self.address - area["start"]) // PAGE_SIZE
        amap, backing = area.follow("amap"), area.follow("object")
        if amap:
            self.index = area["amap_offset"] + page
            self.anon = amap_get(amap, self.index)
        if not self.anon and backing:
            self.index = area["object_offset"] + page
            inner = backing.follow("amap")
            if inner:  # shared memory: its pages are anons of its own amap
                self.anon = amap_get(inner, self.index)
            else:
                self.owner = backing
        if self.anon:
            self.frame = self.anon.follow("frame")
        elif self.owner:
            self.frame = object_lookup(self.owner, self.index)

    def present(self) -> bool:
        return bool(self.pte & memory.PTE_PRESENT)

    def kind(self) -> str:
        """"anon", "object", "new" (the first touch makes it), or "none" (in no area)."""
        if not self.area:
            return "none"
        return "anon" if self.anon else "object" if self.owner else "new"


def flags_text(area: View) -> str:
    """rwxp, as in /proc/PID/maps."""
    flags = area["flags"]
    letters = ((AREA_READ, "r"), (AREA_WRITE, "w"), (AREA_EXEC, "x"))
    return "".join(c if flags & bit else "-" for bit, c in letters) + ("s" if flags & AREA_SHARED else "p")


def entry_text(entry: int) -> str:
    """The bits of a page-table entry in words."""
    if not entry & memory.PTE_PRESENT:
        return "absent"
    words = ["present", "writable" if entry & memory.PTE_WRITABLE else "read-only"]
    words += ["user"] if entry & memory.PTE_USER else ["kernel"]
    words += ["accessed"] if entry & memory.PTE_ACCESSED else []
    words += ["dirty"] if entry & memory.PTE_DIRTY else []
    return " ".join(words)


def entry_json(entry: int) -> dict:
    """A page-table entry as a record."""
    return {
        "value": entry,
        "present": bool(entry & memory.PTE_PRESENT),
        "writable": bool(entry & memory.PTE_WRITABLE),
        "user": bool(entry & memory.PTE_USER),
        "accessed": bool(entry & memory.PTE_ACCESSED),
        "dirty": bool(entry & memory.PTE_DIRTY),
        "frame": entry >> 12 if entry & memory.PTE_PRESENT else None,
    }


# --- places on disk ---------------------------------------------------------------------------------------

def slot_place(slot: int) -> dict:
    """Where a slot of the swap area lies: partition, sector of the disk."""
    device = variable("mm/swap.c:swap").follow("device")
    if not device:
        return {"kind": "swap", "slot": slot, "sector": None, "device": None}
    sector = device["start"] + slot * SECTORS_PER_PAGE
    return {"kind": "swap", "slot": slot, "sector": sector, "device": device.text("name")}


def _block_path(index: int, pointers: int) -> list[int] | None:
    """The slots that lead to block @index of a file: in the inode, then in each indirect block."""
    if index < EXT2_DIRECT:
        return [index]
    index -= EXT2_DIRECT
    for levels in (1, 2, 3):
        if index < pointers ** levels:
            path = [EXT2_DIRECT + levels - 1]
            return path + [index // pointers ** (levels - 1 - i) % pointers for i in range(levels)]
        index -= pointers ** levels
    return None


def file_place(owner: View, page: int) -> dict:
    """Where a file's page lies on the disk, as the block map in memory says. block 0: a hole."""
    inode = inode_of(owner)
    system = inode.follow("fs")
    size, device = system["block_size"], system.follow("device")
    place = {"kind": "file", "inode": inode["number"], "page": page, "device": device.text("name")}
    path = _block_path(page * PAGE_SIZE // size, system["pointers"])
    if path is None:
        return {**place, "block": None, "sector": None, "note": "beyond what the block map can hold"}
    block = inode["disk"]["block"][path[0]]
    for slot in path[1:]:
        if not block:
            break
        byte = block * size + slot * 4
        entry = object_lookup(system.follow("metadata"), byte // PAGE_SIZE)
        if not entry or frame_state(entry) == "busy":
            return {**place, "block": None, "sector": None, "note": "the indirect block is not in memory"}
        block = memory.word_physical(frame_number(entry) * PAGE_SIZE + byte % PAGE_SIZE)
    sector = device["start"] + block * (size // 512) if block else None
    return {**place, "block": block, "sector": sector}


def object_place(owner: View, page: int) -> dict:
    """Where an object's page comes from and goes to."""
    if is_file(owner):
        return file_place(owner, page)
    if owner["device"]:
        device = View(owner.address, "struct device_object").follow("device")
        sector = device["start"] + page * SECTORS_PER_PAGE
        return {"kind": "device", "device": device.text("name"), "page": page, "sector": sector}
    return {"kind": pager_name(owner), "page": page, "sector": None}


# --- the machine ------------------------------------------------------------------------------------------

def counters() -> dict[str, int]:
    """All counters by their names in /proc/vmstat."""
    names = variable("counter_names")
    return {memory.string(name): value for name, value in zip(names, variable("counters"))}


def available() -> int:
    """FREE and CLEAN frames of the pageable pool."""
    counts = variable("mm/frame.c:counts")  # [state][1]: the pageable ones
    free, clean = (memory.constant(name) for name in ("FRAME_FREE", "FRAME_CLEAN"))
    return counts[free][1] + counts[clean][1]
