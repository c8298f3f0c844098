"""Backwards from the end of a run: who dirtied this page, who freed this frame."""

import json
import pathlib
import re
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, refuses, text, vm  # noqa: E402

from house import stops  # noqa: E402

SOURCE = pathlib.Path("user/onefault.c").read_text(encoding="utf-8").splitlines()


def count() -> int:
    return int(re.search(r"= (\d+)", text("monitor info replay")).group(1))


def line_of(statement: str) -> str:
    """"file:line" of the only line with that text."""
    found = [n for n, line in enumerate(SOURCE, 1) if statement in line]
    check(len(found) == 1, f"one line says {statement}")
    return f"user/onefault.c:{found[0]}"


def life(page: int) -> None:
    """The rest of the page's life: nothing, until the program ends."""
    gdb.execute(f"watch-page {page}")
    go()
    check(gdb.convenience_variable("page_event").string() == "unmapped", "it is unmapped at last")
    check(memory.register("eip") == memory.address_of("frame_unmapped"), "by the end of its space")
    watch = stops.WatchPage.watches.pop()
    for stop in [*watch.stops, watch.store]:
        stop.delete()


def the_page() -> tuple[int, int]:
    """The page that the program will have dirtied, and its frame, some stores later."""
    gdb.execute("break-user onefault later_store")
    go()
    page = int(gdb.parse_and_eval("(unsigned)page"))
    entry = vm(f"pte {page}")["pte"]
    check(entry["present"] and entry["dirty"], "it is mapped and dirty")
    gdb.execute("delete")
    return page, entry["frame"]


def dirtied(page: int) -> None:
    """From the program's end back to the store, over thousands of later ones."""
    gdb.execute("tbreak process_exit")
    go()
    check(vm("processes")["processes"][-1]["name"] == "onefault", "the program ends")
    end = count()
    found = json.loads(text(f"who-dirtied -json {page}"))
    check(found["function"] == "first_store" and found["user"], f"first_store did it: {found['function']}")
    check(found["where"] == line_of("page[100] = 1;"), f"in its line: {found['where']}")
    check(found["name"] == "onefault" and found["address"] == page, "of the program, that page")
    check(found["mapped_at"] < found["instruction"] < end, "after it was mapped, before the end")
    check(not found["mapped_for_store"], "the page had been mapped for a load")
    check([f["function"] for f in found["stack"]][-1:] == ["main"] or found["stack"][1]["user"], "with its callers")
    check(memory.register("eip") == found["pc"] and count() == found["instruction"], "the replay stands there")
    check(not vm(f"pte {page}")["pte"]["dirty"], "just before: the page is clean")
    gdb.execute("stepi")
    memory.forget()
    check(vm(f"pte {page}")["pte"]["dirty"], "just behind: it is dirty")
    byte = memory.read_in(memory.register("cr3"), page + 100, 1)
    check(byte == b"\1", "and the byte is stored")
    gdb.execute("reverse-stepi")
    check(memory.register("eip") == found["pc"], "one step back is one step back")


def freed(frame: int) -> None:
    """From the machine's end back to where the frame became FREE."""
    gdb.execute("tbreak machine_shutdown")
    go()
    check(vm(f"frame {frame}")["state"] == "free", "the frame is free by now")
    end = count()
    found = json.loads(text(f"who-freed -json {frame}"))
    names = [f["function"] for f in found["stack"]]
    check(found["frame"] == frame and found["instruction"] < end, "earlier")
    check("frame_release" in names and "anon_destroy" in names, f"with the page's anon: {names}")
    check("process_exit" in names and found["name"] == "onefault", f"as the program ended: {names}")


def written(page: int) -> None:
    """From the last store to a byte, the kernel's zeros included, back to the one before."""
    gdb.execute("break-user onefault later_store")
    gdb.execute("continue")
    gdb.execute("delete")
    found = json.loads(text(f"who-wrote -json {page + 100} 1"))
    check(found["function"] == "first_store" and found["user"], f"first_store wrote it: {found['function']}")
    reversed_to(page + 100, found)


def reversed_to(address: int, found: dict) -> None:
    """gdb's own way back to the same store: a watchpoint on the byte, and reverse-continue."""
    gdb.execute("break-user onefault later_store")
    gdb.execute("continue")
    gdb.execute("delete")
    check(count() > found["instruction"], "behind the store")
    gdb.execute(f"watch *(unsigned char *){address}")
    gdb.execute("reverse-continue")
    memory.forget()
    check(memory.register("eip") == found["pc"], f"the watchpoint stops at the store: {memory.register('eip'):#x}")
    check(count() == found["instruction"], "at the same instruction of the run")
    gdb.execute("delete")


def main() -> None:
    page, frame = the_page()
    dirtied(page)
    written(page)
    life(page)
    freed(frame)
    check(refuses("who-dirtied 0x10000") and refuses("who-freed 99999999") and refuses("who-dirtied"), "bad questions")


finish(main)
