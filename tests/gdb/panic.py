"""Backwards from a panic: a page has come back from swap changed; who had dirtied it, before it was written there?"""

import json
import pathlib
import re
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, panic_on_screen, text, vm  # noqa: E402


def count() -> int:
    return int(re.search(r"= (\d+)", text("monitor info replay")).group(1))


def qemu() -> int:
    """QEMU's major version. A replay of 7.2 can be stopped in the last instructions of a run; that of 10.0 ends there."""
    return int(re.match(r"\d+", text("monitor info version").strip()).group())


def to_the_panic() -> int:
    """The swap slot that the panic names."""
    gdb.execute("break panic")
    go()
    stack = memory.register("esp")
    said = gdb.parse_and_eval(f"*(char **){stack + 4}").string()
    check(memory.register("eip") == memory.address_of("panic"), "the recording ends in a panic")
    check(said.startswith("swap: the page read from slot %u"), f"of a page that swap has changed: {said}")
    return int(gdb.parse_and_eval(f"*(unsigned *){stack + 8}"))


def first_to_exit() -> tuple[int, int]:
    """Where a program ends, before the one that panics: (instruction, one of its frames)."""
    gdb.execute("tbreak process_exit")
    go()
    pid = vm("processes")["current"]
    areas = [area for area in vm(f"areas {pid}")["areas"] if area["flags"].startswith("rw")]
    pages = [vm(f"pte {address} {pid}")["pte"] for area in areas
             for address in range(area["start"], area["end"], memory.PAGE_SIZE)]
    frames = [entry["frame"] for entry in pages if entry["present"] and entry["dirty"]]
    check(bool(frames), "it has dirty pages")
    return count(), frames[0]


def freed(frame: int, after: int, end: int) -> None:
    """A frame that became FREE at a program's end, or later, if it was taken once more, by the end of another space."""
    gdb.execute("continue")
    found = json.loads(text(f"who-freed -json {frame}"))
    names = [one["function"] for one in found["stack"]]
    check(after < found["instruction"] < end, f"after that end, before the panic: {found['instruction']}")
    check(count() == found["instruction"], "the replay stands there")
    check(vm(f"frame {frame}")["state"] == "free", "the frame has just become FREE")
    check("frame_release" in names and "anon_destroy" in names and "space_unref" in names, f"with a space: {names}")


def main() -> None:
    ended_at, frame = first_to_exit()
    slot = to_the_panic()
    if qemu() < 8:
        panic_on_screen(f"swap: the page read from slot {slot} is not the one that was written")
    end, held = count(), vm(f"swap {slot}")
    check(held["in_use"] and len(held["named_by"]) == 1, f"one page has the slot: {held['named_by']}")
    address, pid = held["named_by"][0]["address"], held["named_by"][0]["pid"]
    process = next(p for p in vm("processes")["processes"] if p["pid"] == pid)
    found = json.loads(text(f"who-dirtied -json {address} {pid}"))
    check(found["address"] == address and found["owner"] == pid, "the page that the slot was for")
    check(found["mapped_at"] <= found["instruction"] < end, "it was dirtied before the panic")
    check(found["name"] == process["name"] and found["pid"] == pid, f"by its process: {found['name']}")
    check(memory.register("eip") == found["pc"] and count() == found["instruction"], "the replay stands there")
    check(found["mapped_for_store"] or not vm(f"pte {address} {pid}")["pte"]["dirty"], "just before: the page is clean")
    gdb.execute("stepi")
    memory.forget()
    check(vm(f"pte {address} {pid}")["pte"]["dirty"], "just behind: it is dirty")
    freed(frame, ended_at, end)


finish(main)
