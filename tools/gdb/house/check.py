"""vm check: recounts the world of mm from outside, as mm/check.c does from inside.

Written from the invariants of the design and not from the kernel's code, so that a mistake in the one does
not hide in the other. It may be used wherever the machine stops; in the middle of a change of mm's own an
invariant may be broken for a moment, so it is meaningful at the places where the kernel's checker may run:
in user mode, in a sleep, at a fault's beginning.
"""

from . import kernel, memory
from .command import VmCommand
from .machine import STATES
from .memory import PAGE_SIZE, View, each, variable


class Checker:
    """Collects what is wrong."""

    def __init__(self):
        self.faults: list[str] = []
        self.facts: dict[str, int] = {}
        self.frames = [kernel.frame(number) for number in range(kernel.frame_total())]
        self.spaces = list(each(variable("spaces"), "struct space", "link"))
        self.objects = list(each(variable("objects"), "struct object", "link"))

    def claim(self, condition: bool, what: str) -> None:
        if not condition:
            self.faults.append(what)

    def number(self, frame: View) -> int:
        return kernel.frame_number(frame)

    # Every frame is in one state, on exactly that state's list, and the counts are right.
    def states(self) -> None:
        by_state: dict[str, set[int]] = {state: set() for state in STATES}
        for frame in self.frames:
            by_state[kernel.frame_state(frame)].add(frame.address)
        listed: dict[str, list[int]] = {state: [] for state in STATES}
        lists, counts = variable("mm/frame.c:state_lists"), [sum(c) for c in variable("mm/frame.c:counts")]
        heads = [(state, lists[n]) for n, state in enumerate(STATES) if state != "active"]
        heads.append(("free", variable("mm/frame.c:kernel_share")))
        for entry in each(variable("sets"), "struct set", "link"):
            heads += [("active", entry["frames"]), ("active", entry["hot"])]
        for state, head in heads:
            listed[state] += [frame.address for frame in each(head, "struct frame", "link")]
        for n, state in enumerate(STATES):
            here = listed[state]
            self.claim(len(set(here)) == len(here) and set(here) == by_state[state],
                       f"{len(by_state[state])} frames are {state.upper()}, {len(here)} are on its lists")
            self.claim(counts[n] == len(by_state[state]),
                       f"{counts[n]} {state.upper()} frames are counted, there are {len(by_state[state])}")
            self.facts[state] = len(by_state[state])

    def one_frame(self, frame: View, resident: dict[tuple[int, int], int]) -> None:
        number, state, owner = self.number(frame), kernel.frame_state(frame), kernel.frame_owner(frame)
        mapped = state != "kernel" and bool(frame["map"]["space"])
        held = frame["pins"] > 0 or frame["locks"] > 0
        if owner == "anon":
            anon = frame.follow("anon")
            self.claim(anon["frame"] == frame.address, f"frame {number}: its anon has another frame")
            if state == "clean":
                self.claim(bool(anon["slot"] or anon["lazily_free"]), f"CLEAN frame {number} has no slot")
        elif owner == "object":
            here = resident.get((frame["object"], frame["index"]))
            self.claim(here == frame.address, f"frame {number} is not on its object's list")
        if state == "free":
            self.claim(owner == "none" and not mapped, f"FREE frame {number} is in use")
        if state in ("clean", "dirty"):
            self.claim(owner != "none" and not mapped, f"pool frame {number} is mapped or nobody's")
        if state == "clean":
            self.claim(not frame["modified"], f"CLEAN frame {number} is modified")
        if state == "busy":
            self.claim(not mapped, f"BUSY frame {number} is mapped")
        if state == "active":
            self.claim(owner != "none" and frame["set"] != 0, f"ACTIVE frame {number} is nobody's")
        if state != "kernel":
            self.claim((state == "pinned") == held, f"frame {number} is {state.upper()} with {frame['pins']} pins")

    # Owners point back; each state's own conditions.
    def owners(self) -> None:
        resident = {}
        for backing in self.objects:
            count = 0
            for frame in each(backing["pages"], "struct frame", "siblings"):
                self.claim(frame["object"] == backing.address,
                           f"frame {self.number(frame)} is on another object's list")
                resident[backing.address, frame["index"]] = frame.address
                count += 1
            self.claim(count == backing["resident"], f"object {backing.address:#x} counts {backing['resident']} "
                                                     f"pages and has {count}")
        self.facts["object_pages"] = len(resident)
        for frame in self.frames:
            self.one_frame(frame, resident)

    def entries(self, space: View):
        """(address, entry) of all present user entries."""
        directory = kernel.directory_of(space)
        tables = memory.read_physical(directory, 4 * (kernel.USER_TOP >> 22))
        for n in range(0, len(tables), 4):
            pde = int.from_bytes(tables[n:n + 4], "little")
            if not pde & memory.PTE_PRESENT:
                continue
            table = memory.read_physical(pde & memory.FRAME_MASK, PAGE_SIZE)
            for i in range(0, PAGE_SIZE, 4):
                entry = int.from_bytes(table[i:i + 4], "little")
                if entry & memory.PTE_PRESENT:
                    yield (n // 4 << 22) + (i // 4 << 12), entry

    # Present entries and mappings are a bijection; an entry shows its area's page, writable where it may be.
    def mappings(self) -> None:
        mapped = {}
        for frame in self.frames:
            if kernel.frame_state(frame) != "kernel":
                for mapping in kernel.mappings(frame):
                    mapped[mapping["space"], mapping["address"]] = self.number(frame)
        count = 0
        for space in self.spaces:
            here = 0
            for address, entry in self.entries(space):
                here += 1
                self.claim(mapped.get((space.address, address)) == entry >> 12,
                           f"pid {space['owner_pid']}: the entry at {address:#x} has no mapping")
                self.entry(space, address, entry)
            count += here
            self.claim(here == space["pmap"]["resident"],
                       f"pid {space['owner_pid']}: {here} entries, {space['pmap']['resident']} counted")
        self.claim(count == len(mapped), f"{count} entries, {len(mapped)} mappings")
        self.facts["entries"] = count

    def entry(self, space: View, address: int, entry: int) -> None:
        page = kernel.Page(space, address)
        name = f"pid {space['owner_pid']}: the entry at {address:#x}"
        if not page.area:
            self.claim(False, name + " is in no area")
            return
        self.claim(page.frame is not None and self.number(page.frame) == entry >> 12,
                   f"{name} shows frame {entry >> 12}, not its page's")
        if entry & memory.PTE_WRITABLE:
            flags = page.area["flags"]
            alone = flags & kernel.AREA_SHARED or (page.anon is not None and page.anon["refs"] == 1)
            self.claim(bool(flags & kernel.AREA_WRITE and alone), name + " must not be writable")

    # Recounted references agree; a slot in use is named by one anon; a live anon has a frame or a slot.
    def anons(self) -> None:
        amap_refs: dict[int, int] = {}
        for space in self.spaces:
            for area in kernel.areas_of(space):
                if area["amap"]:
                    amap_refs[area["amap"]] = amap_refs.get(area["amap"], 0) + 1
        for backing in self.objects:
            if backing["amap"]:
                amap_refs[backing["amap"]] = amap_refs.get(backing["amap"], 0) + 1
        anon_refs: dict[int, int] = {}
        for address, refs in amap_refs.items():
            amap = View(address, "struct amap")
            entries = [anon.address for _, anon in kernel.amap_entries(amap)]
            self.claim(amap["refs"] == refs, f"amap {address:#x} has {refs} references and counts {amap['refs']}")
            self.claim(len(entries) == amap["used"], f"amap {address:#x} has {len(entries)} entries and counts "
                                                     f"{amap['used']}")
            for anon in entries:
                anon_refs[anon] = anon_refs.get(anon, 0) + 1
        slots: dict[int, int] = {}
        for address, refs in anon_refs.items():
            self.one_anon(View(address, "struct anon"), refs, slots)
        orphans = [f for f in self.frames if kernel.frame_state(f) in ("busy", "pinned")
                   and kernel.frame_owner(f) == "anon" and f.follow("anon")["refs"] == 0]
        total = len(anon_refs) + len(orphans)
        self.claim(total == variable("anon_count"), f"{total} anons are named, {variable('anon_count')} exist")
        self.facts["anons"], self.facts["slots"] = total, len(slots)

    def one_anon(self, anon: View, refs: int, slots: dict[int, int]) -> None:
        name, slot = f"anon {anon.address:#x}", anon["slot"]
        self.claim(anon["refs"] == refs, f"{name} has {refs} references and counts {anon['refs']}")
        self.claim(bool(anon["frame"] or slot or anon["lazily_free"]), name + " has neither frame nor slot")
        if slot:
            used = memory.word(variable("mm/swap.c:swap")["map"] + slot // 32 * 4) >> slot % 32 & 1
            self.claim(bool(used), f"slot {slot} of {name} is marked free")
            self.claim(slot not in slots, f"slot {slot} is named twice")
            slots[slot] = anon.address
        frame = anon.follow("frame")
        if frame:
            self.claim(kernel.frame_owner(frame) == "anon" and frame["anon"] == anon.address,
                       name + ": its frame is not its own")

    # Areas are sorted, disjoint and aligned.
    def areas(self) -> None:
        for space in self.spaces:
            end = 0
            for area in kernel.areas_of(space):
                start = area["start"]
                self.claim(start >= end and start % PAGE_SIZE == 0 and area["pages"] > 0,
                           f"pid {space['owner_pid']}: the area at {start:#x} overlaps or is not aligned")
                end = kernel.area_end(area)


class Check(VmCommand):
    """vm check: recounts all of memory from outside: states, lists, owners, mappings, references, slots."""

    name = "check"

    def collect(self, words: list[str]) -> dict:
        checker = Checker()
        for part in (checker.states, checker.owners, checker.areas, checker.mappings, checker.anons):
            try:
                part()
            except memory.Absent as absent:
                checker.claim(False, f"{part.__name__}: {absent}")
        return {"good": not checker.faults, "faults": checker.faults, "facts": checker.facts}

    def show(self, data: dict) -> None:
        for fault in data["faults"][:50]:
            print(fault)
        facts = ", ".join(f"{number} {name}" for name, number in data["facts"].items())
        print(("all is well: " if data["good"] else f"{len(data['faults'])} faults: ") + facts)
