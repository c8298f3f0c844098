"""Commands that begin with a virtual address or a process: areas, pte, walk, where, anon, amap."""

import gdb

from . import kernel, memory
from .command import VmCommand, number, pids, space_for
from .kernel import Page
from .memory import PAGE_SIZE, Absent, View, variable

SHOWN = 32  # lines of a list in text


def anon_json(anon: View) -> dict:
    """An anonymous page."""
    frame = anon.follow("frame")
    return {
        "anon": anon.address,
        "refs": anon["refs"],
        "frame": kernel.frame_number(frame) if frame else None,
        "slot": anon["slot"] or None,
        "home": anon["home"] or None,
        "lazily_free": bool(anon["lazily_free"]),
        "read_error": bool(anon["read_error"]),
        "disk": kernel.slot_place(anon["slot"]) if anon["slot"] else None,
    }


def anon_text(data: dict) -> str:
    """One line of an anon."""
    where = [f"frame {data['frame']}"] if data["frame"] is not None else []
    where += [f"slot {data['slot']}"] if data["slot"] else []
    flags = [name for name in ("lazily_free", "read_error") if data[name]]
    return f"anon {data['anon']:#x}: refs {data['refs']}, " + ", ".join(where + flags)


def place_text(place: dict | None) -> str:
    """A place on disk in words."""
    if place is None:
        return "no place on disk"
    sector = f"sector {place['sector']} of the disk" if place.get("sector") is not None else "no sector"
    if place["kind"] == "swap":
        return f"slot {place['slot']} of {place['device']}, {sector}"
    if place["kind"] == "file":
        if place["block"] is None:
            return f"page {place['page']} of inode {place['inode']} on {place['device']}: {place['note']}"
        what = f"block {place['block']}, {sector}" if place["block"] else "a hole"
        return f"page {place['page']} of inode {place['inode']} on {place['device']}: {what}"
    return f"page {place['page']} of {place.get('device') or place['kind']}, {sector}"


def area_json(area: View) -> dict:
    """An area."""
    backing, amap = area.follow("object"), area.follow("amap")
    data = {
        "start": area["start"],
        "end": kernel.area_end(area),
        "pages": area["pages"],
        "flags": kernel.flags_text(area),
        "locked": bool(area["flags"] & kernel.AREA_LOCKED),
        "object": backing.address if backing else None,
        "pager": kernel.pager_name(backing) if backing else None,
        "inode": kernel.inode_of(backing)["number"] if backing and kernel.is_file(backing) else None,
        "object_page": area["object_offset"] if backing else None,
        "amap": amap.address if amap else None,
    }
    return data


def area_text(data: dict) -> str:
    """One line like those of /proc/PID/maps."""
    backing = "zero-fill"
    if data["object"]:
        name = f"inode {data['inode']}" if data["inode"] else f"object {data['object']:#x}"
        backing = f"{name} ({data['pager']}) from page {data['object_page']}"
    touched = f", amap {data['amap']:#x}" if data["amap"] else ""
    return f"{data['start']:08x}-{data['end']:08x} {data['flags']} {backing}{touched}"


class Areas(VmCommand):
    """vm areas [PID]: what a process has mapped."""

    name = "areas"
    arguments = (0, 1)

    def complete(self, text: str, word: str):
        return pids(word)

    def collect(self, words: list[str]) -> dict:
        space = space_for(words)
        process = kernel.process_by_pid(space["owner_pid"])
        return {"pid": space["owner_pid"], "name": process.text("name") if process else "",
                "areas": [area_json(area) for area in kernel.areas_of(space)]}

    def show(self, data: dict) -> None:
        print(f"pid {data['pid']} ({data['name']})")
        for area in data["areas"]:
            print(area_text(area))


class Pte(VmCommand):
    """vm pte ADDR [PID]: the page-table entry of a virtual address."""

    name = "pte"
    arguments = (1, 2)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        address, space = number(words[0]), space_for(words[1:])
        pde, place, entry = memory.entry_of(kernel.directory_of(space), address)
        table = bool(pde & memory.PTE_PRESENT)
        return {"pid": space["owner_pid"], "address": address, "table": table, "at": place,
                "pte": kernel.entry_json(entry)}

    def show(self, data: dict) -> None:
        entry = data["pte"]
        print(f"pid {data['pid']}, {data['address']:#010x}: ", end="")
        if not data["table"]:
            print("absent: not even a page table")
        elif not entry["present"]:
            print("absent")
        else:
            print(f"{entry['value']:#010x}: frame {entry['frame']}, {kernel.entry_text(entry['value'])}")


class Walk(VmCommand):
    """vm walk ADDR [PID]: the way of the processor from a virtual to a physical address."""

    name = "walk"
    arguments = (1, 2)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        address, space = number(words[0]), space_for(words[1:])
        directory = kernel.directory_of(space)
        pde, place, entry = memory.entry_of(directory, address)
        physical = (entry & memory.FRAME_MASK) + address % PAGE_SIZE
        return {
            "pid": space["owner_pid"], "address": address, "directory": directory,
            "directory_index": address >> 22, "pde": pde, "table_index": address >> 12 & 1023,
            "pte_at": place, "pte": entry, "offset": address % PAGE_SIZE,
            "physical": physical if entry & memory.PTE_PRESENT else None,
        }

    def show(self, data: dict) -> None:
        print(f"directory of pid {data['pid']} at physical {data['directory']:#x}")
        print(f"  entry {data['directory_index']:4}: {data['pde']:#010x} {kernel.entry_text(data['pde'])}")
        if data["pte_at"] is not None:
            print(f"table at physical {data['pte_at'] & memory.FRAME_MASK:#x}")
            print(f"  entry {data['table_index']:4}: {data['pte']:#010x} {kernel.entry_text(data['pte'])}")
        if data["physical"] is None:
            print("absent: the processor faults here")
        else:
            print(f"physical {data['physical']:#x}: frame {data['physical'] >> 12}, byte {data['offset']}")


def frame_brief(frame: View) -> dict:
    """A frame, as far as it says how the page in it is."""
    return {
        "number": kernel.frame_number(frame),
        "state": kernel.frame_state(frame),
        "referenced": bool(frame["referenced"]),
        "modified": bool(frame["modified"]),
        "pins": frame["pins"],
        "locks": frame["locks"],
        "mapped": len(kernel.mappings(frame)),
    }


def page_json(page: Page) -> dict:
    """All that is known of a virtual page."""
    disk = None
    if page.anon and page.anon["slot"]:
        disk = kernel.slot_place(page.anon["slot"])
    elif page.owner:
        disk = kernel.object_place(page.owner, page.index)
    return {
        "pid": page.space["owner_pid"],
        "address": page.address,
        "area": area_json(page.area) if page.area else None,
        "kind": page.kind(),
        "pte": kernel.entry_json(page.pte),
        "anon": anon_json(page.anon) if page.anon else None,
        "object": page.owner.address if page.owner else None,
        "index": page.index if page.anon or page.owner else None,
        "frame": frame_brief(page.frame) if page.frame else None,
        "disk": disk,
    }


def page_lines(data: dict) -> list[str]:
    """page_json() as text."""
    lines = [f"page   {data['address']:#010x} of pid {data['pid']}"]
    if not data["area"]:
        return lines + ["area   none: an access here is SIGSEGV (unless the stack may grow to here)"]
    lines.append("area   " + area_text(data["area"]))
    lines.append("pte    " + kernel.entry_text(data["pte"]["value"]))
    if data["kind"] == "new":
        lines.append("owner  nobody: never touched, the first access finds zeros")
    elif data["anon"]:
        lines.append("owner  " + anon_text(data["anon"]))
    else:
        lines.append(f"owner  object {data['object']:#x}, page {data['index']}")
    frame = data["frame"]
    if frame:
        bits = [name for name in ("referenced", "modified") if frame[name]]
        counts = [f"{name} {frame[name]}" for name in ("pins", "locks") if frame[name]]
        counts.append(f"mapped {frame['mapped']} times" if frame["mapped"] != 1 else "mapped once")
        lines.append(f"frame  {frame['number']} {frame['state'].upper()}, " + ", ".join(bits + counts))
    else:
        lines.append("frame  none: not in memory")
    lines.append("disk   " + place_text(data["disk"]))
    return lines


class Where(VmCommand):
    """vm where ADDR [PID]: from a virtual address to everything: PTE, anon, frame, slot or file block, sector."""

    name = "where"
    arguments = (1, 2)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        address = number(words[0])
        if address >= kernel.USER_TOP:
            raise gdb.GdbError("an address of the kernel's: vm walk")
        return page_json(Page(space_for(words[1:]), address))

    def show(self, data: dict) -> None:
        print("\n".join(page_lines(data)))


class Anon(VmCommand):
    """vm anon ADDR [PID]: an anonymous page, by the address of its structure or of a page of a program."""

    name = "anon"
    arguments = (1, 2)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        address = number(words[0])
        if address >= kernel.USER_TOP:
            return anon_json(self.checked(View(address, "struct anon")))
        anon = Page(space_for(words[1:]), address).anon
        if not anon:
            raise gdb.GdbError(f"{address:#010x}: no anonymous page there (vm where)")
        return anon_json(anon)

    @staticmethod
    def checked(anon: View) -> View:
        """What lies there, if it can be an anon: with a frame that is its own, or none, and a slot there is, or none."""
        try:
            frame = anon.follow("frame")
            its_own = not frame or frame["anon"] == anon.address
        except Absent:
            its_own = False
        if not its_own or anon["slot"] >= max(variable("mm/swap.c:swap")["slots"], 1):
            raise gdb.GdbError(f"{anon.address:#010x}: no anonymous page's structure lies there")
        return anon

    def show(self, data: dict) -> None:
        print(anon_text(data))
        if data["disk"]:
            print("  " + place_text(data["disk"]))


class Amap(VmCommand):
    """vm amap ADDR [PID]: an anonymous map and its pages, by the address of it or of a page in its area."""

    name = "amap"
    arguments = (1, 2)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        address = number(words[0])
        if address < kernel.USER_TOP:
            area = kernel.find_area(space_for(words[1:]), address)
            amap = area.follow("amap") if area else None
            if not amap:
                raise gdb.GdbError(f"{address:#010x}: no anonymous map there (vm where)")
        else:
            amap = View(address, "struct amap")
        entries = [{"index": index, **anon_json(anon)} for index, anon in kernel.amap_entries(amap)]
        return {"amap": amap.address, "refs": amap["refs"], "pages": amap["pages"], "used": amap["used"],
                "entries": entries}

    def show(self, data: dict) -> None:
        print(f"amap {data['amap']:#x}: refs {data['refs']}, {data['used']} of {data['pages']} entries in use")
        for entry in data["entries"][:SHOWN]:
            print(f"  {entry['index']:6}: {anon_text(entry)}")
        if len(data["entries"]) > SHOWN:
            print(f"  … and {len(data['entries']) - SHOWN} more")
