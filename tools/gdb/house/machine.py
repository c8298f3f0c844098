"""Commands on what all processes share: frames, pool, objects, swap, policy, disks, counters."""

import gdb

from . import kernel, memory
from .command import VmCommand, matching, number
from .memory import Absent, View, each, variable
from .pages import anon_json, anon_text, frame_brief, place_text

SHOWN = 16
STATES = ("free", "active", "dirty", "clean", "busy", "pinned", "kernel")
OWNERS = ("none", "anon", "object")


def all_frames() -> list[View]:
    """The frame table."""
    return [kernel.frame(number_) for number_ in range(kernel.frame_total())]


class Frames(VmCommand):
    """vm frames [STATE]: how many frames are in each state, and whose; or the frames in one state."""

    name = "frames"
    arguments = (0, 1)

    def complete(self, text: str, word: str):
        return matching(list(STATES), word)

    def collect(self, words: list[str]) -> dict:
        if words and words[0] not in STATES:
            raise gdb.GdbError("vm frames [" + "|".join(STATES) + "]")
        counts = {state: dict.fromkeys(OWNERS, 0) for state in STATES}
        listed = []
        for entry in all_frames():
            state = kernel.frame_state(entry)
            counts[state][kernel.frame_owner(entry)] += 1
            if words and state == words[0]:
                listed.append(kernel.frame_number(entry))
        data: dict = {"total": kernel.frame_total(), "counts": counts}
        if words:
            data.update(state=words[0], frames=listed)
        return data

    def show(self, data: dict) -> None:
        if "frames" in data:
            print(f"{len(data['frames'])} {data['state'].upper()} frames:", *data["frames"])
            return
        print(f"{'state':10}" + "".join(f"{owner:>10}" for owner in OWNERS) + f"{'all':>10}")
        for state, row in data["counts"].items():
            cells = "".join(f"{row[owner]:>10}" for owner in OWNERS)
            print(f"{state.upper():10}{cells}{sum(row.values()):>10}")
        print(f"{'all':10}" + " " * 10 * len(OWNERS) + f"{data['total']:>10}")


class Frame(VmCommand):
    """vm frame N: one frame by its number (physical address / 4096): state, owner, who maps it."""

    name = "frame"
    arguments = (1, 1)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        entry = kernel.frame(number(words[0]))
        owner = kernel.frame_owner(entry)
        data = frame_brief(entry)
        for flag in ("pageable", "prefetched", "io_write"):
            data[flag] = bool(entry[flag])
        data.update(owner=owner, anon=None, object=None, index=None, disk=None)
        if owner == "anon":
            data["anon"] = anon_json(entry.follow("anon"))
            data["disk"] = data["anon"]["disk"]
        elif owner == "object":
            backing = entry.follow("object")
            data.update(object=backing.address, pager=kernel.pager_name(backing), index=entry["index"])
            data["disk"] = kernel.object_place(backing, entry["index"])
        mapped = kernel.mappings(entry) if data["state"] != "kernel" else []
        data["mappings"] = [
            {"pid": m.follow("space")["owner_pid"], "address": m["address"],
             "pte": memory.entry_of(kernel.directory_of(m.follow("space")), m["address"])[2]}
            for m in mapped
        ]
        return data

    def show(self, data: dict) -> None:
        names = ("referenced", "modified", "pageable", "prefetched")
        flags = " ".join(flag for flag in names if data[flag])
        print(f"frame {data['number']} {data['state'].upper()}, pins {data['pins']}, locks {data['locks']} {flags}")
        if data["anon"]:
            print(anon_text(data["anon"]))
        elif data["object"]:
            print(f"object {data['object']:#x} ({data['pager']}), page {data['index']}")
        if data["owner"] != "none":
            print(place_text(data["disk"]))
        for mapping in data["mappings"]:
            print(f"mapped by pid {mapping['pid']} at {mapping['address']:#010x}: "
                  f"{kernel.entry_text(mapping['pte'])}")


class Pool(VmCommand):
    """vm pool: the available pool and its marks, what is being laundered, and the next frames to be taken."""

    name = "pool"

    def collect(self, words: list[str]) -> dict:
        pageout = variable("mm/pageout.c:pageout")
        lists = variable("mm/frame.c:state_lists")
        order = {}
        for state in ("free", "clean", "dirty"):
            head = lists[STATES.index(state)]
            order[state] = [kernel.frame_number(entry) for entry in each(head, "struct frame", "link")]
        return {
            "available": kernel.available(),
            "pageable": variable("mm/frame.c:pageable_total"),
            "low": pageout["low"], "high": pageout["high"], "batch": pageout["batch"],
            "laundering": variable("mm/frame_io.c:laundering"),
            "waiting": bool(variable("mm/frame_wait.c:frame_waiters")["first"]),
            "failures": pageout["failures"],
            "daemon_asleep": bool(pageout["queue"]["first"]),
            **order,
        }

    def show(self, data: dict) -> None:
        below = ", below the low mark" if data["available"] < data["low"] else ""
        print(f"available {data['available']} of {data['pageable']} pageable frames (FREE {len(data['free'])}, "
              f"CLEAN {len(data['clean'])}){below}")
        print(f"marks: low {data['low']}, high {data['high']}; DIRTY {len(data['dirty'])}, "
              f"being laundered {data['laundering']}")
        print("daemon", "asleep" if data["daemon_asleep"] else "at work",
              "" if not data["waiting"] else "(somebody sleeps for a frame)")
        for state in ("free", "clean", "dirty"):
            print(f"next {state.upper():5}:", *data[state][:SHOWN])


class Object(VmCommand):
    """vm object [ADDR]: all objects that have pages in memory; or one, with its pages."""

    name = "object"
    arguments = (0, 1)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        if words:
            backing = View(number(words[0]), "struct object")
            pages = [{"page": entry["index"], "frame": kernel.frame_number(entry), "state": kernel.frame_state(entry)}
                     for entry in each(backing["pages"], "struct frame", "siblings")]
            return {**self.brief(backing), "frames": sorted(pages, key=lambda page: page["page"])}
        found = [self.brief(o) for o in each(variable("objects"), "struct object", "link")]
        return {"objects": [data for data in found if data["resident"]]}

    @staticmethod
    def brief(backing: View) -> dict:
        """One object."""
        return {
            "object": backing.address, "pager": kernel.pager_name(backing), "refs": backing["refs"],
            "size": backing["size"], "resident": backing["resident"],
            "inode": kernel.inode_of(backing)["number"] if kernel.is_file(backing) else None,
            "amap": backing["amap"] or None,
        }

    def show(self, data: dict) -> None:
        for one in data.get("objects", [data]):
            name = f" inode {one['inode']}" if one["inode"] else ""
            print(f"object {one['object']:#x} ({one['pager']}{name}): refs {one['refs']}, {one['size']} bytes, "
                  f"{one['resident']} pages in memory")
        for page in data.get("frames", []):
            print(f"  page {page['page']:6}: frame {page['frame']} {page['state'].upper()}")


class Swap(VmCommand):
    """vm swap [SLOT]: the swap area; or one slot: where it lies and whose page it holds."""

    name = "swap"
    arguments = (0, 1)
    completion = gdb.COMPLETE_EXPRESSION

    def collect(self, words: list[str]) -> dict:
        swap = variable("mm/swap.c:swap")
        device = swap.follow("device")
        data: dict = {"device": device.text("name") if device else None, "slots": swap["usable"],
                      "free": swap["free"], "used": swap["usable"] - swap["free"], "next": swap["next"]}
        if words:
            slot = number(words[0])
            if not device or slot >= swap["slots"]:
                raise gdb.GdbError(f"{slot}: no such slot")
            data["slot"] = slot
            data["in_use"] = bool(memory.word(swap["map"] + slot // 32 * 4) >> slot % 32 & 1)
            data["disk"] = kernel.slot_place(slot)
            data["header"] = slot == 0
            data["named_by"] = self.users(slot) if slot else []  # an anon without a slot says 0
        return data

    @staticmethod
    def users(slot: int) -> list[dict]:
        """The pages of programs whose anon names the slot."""
        found = []
        for process in kernel.processes():
            space = process.follow("space")
            for area in kernel.areas_of(space) if space else []:
                amap = area.follow("amap")
                first, end = area["amap_offset"], area["amap_offset"] + area["pages"]
                for index, anon in kernel.amap_entries(amap) if amap else []:
                    if first <= index < end and anon["slot"] == slot:
                        address = area["start"] + (index - first) * memory.PAGE_SIZE
                        found.append({"pid": process["pid"], "address": address, **anon_json(anon)})
        return found

    def show(self, data: dict) -> None:
        print(f"swap on {data['device']}: {data['used']} of {data['slots']} slots in use, {data['free']} free, "
              f"next fit from slot {data['next']}")
        if "slot" in data:
            use = "the header" if data["header"] else "in use" if data["in_use"] else "free"
            print(f"{place_text(data['disk'])}, {use}")
            for user in data["named_by"]:
                print(f"page {user['address']:#010x} of pid {user['pid']}: {anon_text(user)}")


class Policy(VmCommand):
    """vm policy: the replacement sets: policy, size, hand, and the frames that the hand meets next."""

    name = "policy"

    def collect(self, words: list[str]) -> dict:
        return {"sets": [self.one(entry) for entry in each(variable("sets"), "struct set", "link")]}

    @staticmethod
    def one(entry: View) -> dict:
        """One set."""
        circle = [frame for name in ("frames", "hot") for frame in each(entry[name], "struct frame", "link")]
        hand = entry.follow("hand")
        start = circle.index(hand) if hand in circle else 0
        return {
            "set": entry.address, "policy": entry.follow("policy").text("name"), "frames": entry["count"],
            "quota": entry["quota"] or None, "now": entry["now"],
            "hand": kernel.frame_number(hand) if hand else None,
            "order": [Policy.look(f) for f in circle[start:] + circle[:start]],
        }

    @staticmethod
    def look(entry: View) -> dict:
        """What a policy that looks at the frame would see."""
        ptes = [memory.entry_of(kernel.directory_of(m.follow("space")), m["address"])[2]
                for m in kernel.mappings(entry)]
        return {"frame": kernel.frame_number(entry),
                "referenced": bool(entry["referenced"]) or any(p & memory.PTE_ACCESSED for p in ptes),
                "modified": bool(entry["modified"]) or any(p & memory.PTE_DIRTY for p in ptes)}

    def show(self, data: dict) -> None:
        for entry in data["sets"]:
            quota = f", quota {entry['quota']}" if entry["quota"] else ""
            hand = f", hand on frame {entry['hand']}" if entry["hand"] is not None else ""
            print(f"set {entry['set']:#x}: {entry['policy']}, {entry['frames']} frames{quota}{hand}")
            for seen in entry["order"][:SHOWN]:
                bits = [name for name in ("referenced", "modified") if seen[name]]
                print(f"  frame {seen['frame']:6} " + " ".join(bits))


class Blk(VmCommand):
    """vm blk: disks and partitions; what each disk is doing and what waits in its queue."""

    name = "blk"

    def collect(self, words: list[str]) -> dict:
        devices = []
        for device in each(variable("drivers/block.c:devices"), "struct block_device", "link"):
            data: dict = {"name": device.text("name"), "start": device["start"], "sectors": device["sectors"]}
            queue = device.follow("queue")
            if device["disk"] == device.address and queue:
                data["busy"] = bool(queue["busy"])
                data["current"] = self.request(queue["current"]) if queue["busy"] else None
                data["queued"] = [self.bio(bio) for name in ("urgent", "sorted", "held")
                                  for bio in each(queue[name], "struct bio", "link")]
            devices.append(data)
        finished = list(each(variable("drivers/block.c:finished"), "struct bio", "link"))
        return {"devices": devices, "finished": [self.bio(bio) for bio in finished]}

    @staticmethod
    def bio(bio: View) -> dict:
        """One transfer; `sector` is the disk's."""
        return {"sector": bio.follow("device")["start"] + bio["sector"], "sectors": bio["sectors"],
                "write": bool(bio["write"]), "frame": bio["address"] >> 12,
                "cause": kernel.NAMES.of("enum block_cause", "BLOCK_", bio["cause"])}

    @staticmethod
    def request(request: View) -> dict:
        """A command that a disk is carrying out."""
        bios = [Blk.bio(bio) for bio in each(request["bios"], "struct bio", "link")]
        return {"sector": request["sector"], "sectors": request["sectors"], "write": bool(request["write"]),
                "bios": bios}

    def show(self, data: dict) -> None:
        for device in data["devices"]:
            print(f"{device['name']:6} sectors {device['start']} to {device['start'] + device['sectors'] - 1}")
            if device.get("current"):
                print("  carries out: " + self.line(device["current"]) +
                      f" in {len(device['current']['bios'])} pieces")
            for bio in device.get("queued", []):
                print("  queued:      " + self.line(bio))
        for bio in data["finished"]:
            print("finished, to be told: " + self.line(bio))

    @staticmethod
    def line(transfer: dict) -> str:
        """A request or a bio."""
        frame = f", frame {transfer['frame']}" if "frame" in transfer else ""
        cause = f", {transfer['cause']}" if "cause" in transfer else ""
        direction = "write" if transfer["write"] else "read"
        return f"{direction} {transfer['sectors']} sectors at {transfer['sector']}{frame}{cause}"


class Counters(VmCommand):
    """vm counters [WORD]: events since boot, those that are not zero or whose name contains WORD."""

    name = "counters"
    arguments = (0, 1)

    def complete(self, text: str, word: str):
        try:
            return matching(list(kernel.counters()), word)
        except Absent:
            return []

    def collect(self, words: list[str]) -> dict:
        found = kernel.counters()
        return {name: n for name, n in found.items() if (words[0] in name if words else n)}

    def show(self, data: dict) -> None:
        for name, n in data.items():
            print(f"{name:24} {n}")


class Processes(VmCommand):
    """vm processes: pid, parent, state of the threads, size, resident pages, faults."""

    name = "processes"

    def collect(self, words: list[str]) -> dict:
        current = kernel.current_process()
        return {"current": current["pid"] if current else None,
                "processes": [self.one(process) for process in kernel.processes()]}

    @staticmethod
    def one(process: View) -> dict:
        """One process."""
        states = [kernel.thread_state(t) for t in each(process["threads"], "struct thread", "siblings")]
        parent, space = process.follow("parent"), process.follow("space")
        data = {"pid": process["pid"], "parent": parent["pid"] if parent else 0, "name": process.text("name"),
                "threads": states, "zombie": bool(process["exited"])}
        if space:
            areas = kernel.areas_of(space)
            data.update(areas=len(areas), pages=sum(area["pages"] for area in areas),
                        resident=space["pmap"]["resident"], minor=space["faults"]["minor"],
                        major=space["faults"]["major"])
        return data

    def show(self, data: dict) -> None:
        print(f"{'pid':>6}{'parent':>7}  {'name':16}{'state':10}{'areas':>6}{'pages':>8}{'resident':>9}"
              f"{'minor':>8}{'major':>8}")
        for one in data["processes"]:
            mark = "*" if one["pid"] == data["current"] else " "
            state = "zombie" if one["zombie"] else ",".join(one["threads"])
            line = f"{mark}{one['pid']:>5}{one['parent']:>7}  {one['name']:16}{state:10}"
            if "areas" in one:
                line += f"{one['areas']:>6}{one['pages']:>8}{one['resident']:>9}{one['minor']:>8}{one['major']:>8}"
            print(line)
