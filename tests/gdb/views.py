"""Every `vm` command, at three places: reset, the program's first line, and deep in paging."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, kernel, memory, refuses, text, vm  # noqa: E402

from house import session  # noqa: E402

COMMANDS = ("amap anon areas blk check console counters frame frames log object policy pool processes pte swap "
            "threads type walk where").split()


def disk_bytes(place: dict) -> bytes:
    """The page's bytes on the disk image, where the place says they are."""
    with open(session.description()["disk"], "rb") as disk:
        disk.seek(place["sector"] * 512)
        return disk.read(memory.PAGE_SIZE)


def frame_bytes(number: int) -> bytes:
    return memory.read_physical(number * memory.PAGE_SIZE, memory.PAGE_SIZE)


def at_reset() -> None:
    for command in ("processes", "frames", "where 0x8048000", "threads", "check"):
        check(refuses("vm " + command), f"before paging is on, vm {command} says so")


def help_and_completion() -> None:
    letters = sorted({command[0] for command in COMMANDS})
    offered = [line.removeprefix("vm ") for letter in letters for line in text("complete vm " + letter).splitlines()]
    check(offered == COMMANDS, f"completion of `vm ` offers all commands: {offered}")
    for command in COMMANDS:
        check(text("help vm " + command).startswith("vm " + command), f"help vm {command}")
    check(text("complete vm frames cl").split() == ["vm", "frames", "clean"], "states are completed")
    check("vm areas 2" in text("complete vm areas 2").splitlines(), "pids are completed")
    check("vm counters pgsteal" in text("complete vm counters pgst"), "counters are completed")
    check("break-fault swap" in text("complete break-fault sw"), "kinds of faults are completed")
    check("break-user quicksort main" in text("complete break-user quicksort mai"), "functions are completed")


def processes_and_areas() -> None:
    data = vm("processes")
    names = {one["pid"]: one["name"] for one in data["processes"]}
    check(names == {1: "init", 2: "quicksort"} and data["current"] == 2, f"init and the program run: {names}")
    areas = vm("areas")
    check(areas["pid"] == 2 and areas == vm("areas 2"), "the running process is meant")
    pc = memory.register("eip")
    code = next((a for a in areas["areas"] if a["start"] <= pc < a["end"]), None)
    check(code and code["flags"] == "r-xp" and code["pager"] == "ext2", "the program counter lies in its file")
    check([a["start"] for a in areas["areas"]] == sorted(a["start"] for a in areas["areas"]), "areas by address")
    check(any(a["flags"].startswith("rw") and not a["object"] for a in areas["areas"]), "a heap or stack")
    check(refuses("vm areas 99"), "no process 99")


def one_page(address: int) -> dict:
    """pte, walk, where and frame say the same of a page that is present."""
    where, pte, walk = vm(f"where {address:#x}"), vm(f"pte {address:#x}"), vm(f"walk {address:#x}")
    number = where["frame"]["number"]
    check(pte["pte"] == where["pte"] and pte["pte"]["frame"] == number, "pte and where agree")
    check(walk["physical"] == number * 4096 + address % 4096, "walk ends in the frame")
    frame = vm(f"frame {number}")
    check({"pid": 2, "address": address & ~4095, "pte": pte["pte"]["value"]} in frame["mappings"],
          "the frame's reverse map leads back")
    check(frame["state"] in ("active", "pinned"), "a mapped frame is ACTIVE or PINNED")
    return where


def text_page() -> None:
    """The page of the program counter is, byte for byte, where `where` says on the disk."""
    where = one_page(memory.register("eip"))
    check(where["kind"] == "object" and where["disk"]["kind"] == "file", "code is the file's")
    if check(bool(where["disk"]["sector"]), "it has a sector"):
        check(disk_bytes(where["disk"]) == frame_bytes(where["frame"]["number"]), "the sector holds the page")
    pages = vm(f"object {where['object']}")["frames"]
    found = {"page": where["index"], "frame": where["frame"]["number"], "state": "active"}
    check(found in pages, "the object lists the page")
    check(any(o["object"] == where["object"] for o in vm("object")["objects"]), "and all objects list it")
    far = vm(f"where {where['area']['end'] - 4096:#x}")
    check(far["disk"]["block"] is not None or "note" in far["disk"], "a page behind the direct blocks is placed")


def absent_pages() -> None:
    check(not vm("pte 0x10000")["pte"]["present"], "nothing at 0x10000")
    check(vm("where 0x10000")["kind"] == "none", "in no area")
    check(vm("walk 0x10000")["physical"] is None, "the walk ends")
    check("absent" in text("vm pte 0x10000") and "absent" in text("vm walk 0x10000"), "they say absent")
    for command in ("where 0xc0100000", "frame 99999999", "anon 0xfffffff0", "amap 0x10000", "anon 0x10000",
                    "anon 0xc0000000", "anon 0xc0100000", "object 0x12345", "swap 99999999", "frames wet", "where", "where no_such_symbol", "threads a b"):
        check(refuses("vm " + command), f"vm {command} is refused in a line")
    check(refuses("vm nonsense") and refuses("break-evict 99999999") and refuses("watch-page"), "as are others")


def frames_and_pool() -> None:
    frames, pool = vm("frames"), vm("pool")
    sums = {state: sum(row.values()) for state, row in frames["counts"].items()}
    check(sum(sums.values()) == frames["total"], "the states sum to the total")
    check(pool["pageable"] == 512 and 0 < pool["low"] < pool["high"], "the pool is that of frames=512")
    check(pool["available"] == len(pool["free"]) + len(pool["clean"]), "available: FREE and CLEAN")
    check(vm("frames clean")["frames"] == sorted(pool["clean"]), "the CLEAN list is the CLEAN frames")
    for number in pool["clean"][:3] + pool["dirty"][:3]:
        one = vm(f"frame {number}")
        check(one["owner"] != "none" and not one["mappings"], "a frame of the pool has an owner and no entry")
    policy = vm("policy")["sets"]
    check(sum(s["frames"] for s in policy) == sums["active"], "the sets hold the ACTIVE frames")
    check(all(len(s["order"]) == s["frames"] and s["policy"] == "eeclock" for s in policy), "in the policy's order")


def slot_of_the_header() -> None:
    """Slot 0 is no page's, though an anon without a slot says 0."""
    data = vm("swap 0")
    check(data["header"] and data["in_use"] and not data["named_by"], f"slot 0 is the header's: {data}")
    check("the header" in text("vm swap 0"), "and is called so")


def stacks(function: str) -> None:
    records = vm("threads")["threads"]
    init = next(r for r in records if r["name"] == "init")
    names = [frame["function"] for frame in init["frames"]]
    check("sched_sleep" in names and "sys_wait4" in names, f"init sleeps in wait4: {names}")
    if "absent" in init["note"]:  # the page of its stack may be on swap
        check(init["frames"][-1]["user"], f"as far as its stack is in memory: {init['note']}")
    elif check("main" in names and names.index("main") > names.index("sys_wait4"), "called from main, by a trap"):
        main_frame = init["frames"][names.index("main")]
        check(main_frame["user"] and main_frame["where"].startswith("user/init.c:"), "in user/init.c")
    daemon = next(r for r in records if r["name"] == "pageout")
    check("pageout_main" in [frame["function"] for frame in daemon["frames"]], f"the daemon's stack: {daemon}")
    own = next(r for r in records if r["name"] == "quicksort")
    check(function in [f["function"] for f in own["frames"] if f["user"]], f"the program is in {function}")


def devices() -> None:
    blk = {d["name"]: d for d in vm("blk")["devices"]}
    check(set(blk) == {"hda", "hda1", "hda2"} and "queued" in blk["hda"], "a disk and its partitions")
    swap = vm("swap")
    check(swap["device"] == "hda2" and swap["used"] + swap["free"] == swap["slots"], "swap is on hda2")


def checker() -> None:
    good = vm("check")
    check(good["good"], f"vm check finds nothing: {good['faults'][:3]}")
    victim = vm("frames active")["frames"][0]
    address = kernel.frame(victim).place("pins")
    gdb.execute(f"set *(unsigned short *){address:#x} = 7")
    bad = vm("check")
    check(not bad["good"] and any(f"frame {victim} " in fault for fault in bad["faults"]), "it finds a false pin")
    gdb.execute(f"set *(unsigned short *){address:#x} = 0")
    counts = memory.address_of("mm/frame.c:counts")
    gdb.execute(f"set *(unsigned *){counts:#x} += 1")
    check(not vm("check")["good"], "and a false count")
    gdb.execute(f"set *(unsigned *){counts:#x} -= 1")
    check(vm("check")["good"], "and nothing when both are right again")


def swapped_pages() -> None:
    """An anonymous page on swap: its slot, sector and bytes. Then everything else again, deep in paging."""
    gdb.execute("break-fault quicksort swap")
    said = go()
    check("swap" in said, "a fault on a swapped page")
    address = int(gdb.convenience_variable("fault_address"))
    where = vm(f"where {address}")
    check(where["kind"] == "anon" and where["frame"] is None and not where["pte"]["present"], "it is on swap only")
    check(where["disk"]["slot"] == where["anon"]["slot"], "the anon names the slot")
    slot = vm(f"swap {where['disk']['slot']}")
    check(slot["in_use"] and [u["address"] for u in slot["named_by"]] == [address & ~4095], "the slot names the page")
    check(vm(f"anon {address}") == vm(f"anon {where['anon']['anon']}"), "an anon by either address")
    amap = vm(f"amap {address}")
    check(amap["used"] == len(amap["entries"]) > 0, "the amap lists its pages")
    slot_bytes = disk_bytes(where["disk"])
    gdb.execute("delete")
    gdb.execute("tbreak fault_finish")
    go()
    memory.forget()
    there = vm(f"where {address}")
    check(there["frame"] and there["pte"]["present"], "the fault has brought it in")
    check(frame_bytes(there["frame"]["number"]) == slot_bytes, "with the bytes of the slot")
    check(vm("counters pswpin")["pswpin"] > 0 and vm("counters")["pgfault"] > 100, "the counters have seen it")
    clean = [n for n in vm("pool")["clean"] if vm(f"frame {n}")["anon"]]
    for number in clean[:4]:
        one = vm(f"frame {number}")
        check(disk_bytes(one["disk"]) == frame_bytes(number), "a CLEAN page is the same on the disk")


def vm_current() -> str:
    """The name of the process that runs, "" if none."""
    try:
        process = kernel.current_process()
    except memory.Absent:
        return ""
    return process.text("name") if process else ""


def main() -> None:
    at_reset()
    for program in ("init", "quicksort"):  # the symbols follow the process
        gdb.execute(f"break-user {program} main")
        gdb.execute("tbreak fault_finish")
        while vm_current() != program or memory.register("eip") >= kernel.USER_TOP:
            go()
            memory.forget()
        loaded = [o.filename for o in gdb.objfiles() if o.filename and "/user/" in o.filename]
        check([pathlib.Path(name).name for name in loaded] == [program], f"{program}'s symbols and no other's: {loaded}")
        gdb.execute("delete")
    check(gdb.selected_frame().name() == "main", "gdb knows where it is")
    help_and_completion()
    processes_and_areas()
    text_page()
    absent_pages()
    frames_and_pool()
    slot_of_the_header()
    stacks("main")
    devices()
    checker()
    gdb.execute("delete")
    swapped_pages()
    frames_and_pool()
    stacks("main")
    check(vm("check")["good"], "all is well in the end")
    for command in ("areas", "pool", "frames", "object", "policy", "blk", "swap", "threads", "check", "processes"):
        check(len(text("vm " + command)) > 20, f"vm {command} as text")


finish(main)
