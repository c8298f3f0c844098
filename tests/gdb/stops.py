"""break-fault, break-evict, break-user and watch-page, on a program that pages hard."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, refuses, text, vm  # noqa: E402

from house import kernel, stops  # noqa: E402

FAULTS = 100
PAGE_EVENTS = 10
MOST_EVENTS = 80
EVERY_ONE = {"mapped", "dirtied", "unmapped", "laundered", "read"}  # and reclaimed, which needs luck
# What may follow what in the life of a page that has been touched.
AFTER = {
    "mapped": {"dirtied", "unmapped"},
    "dirtied": {"unmapped"},
    "unmapped": {"laundered", "reclaimed", "stolen"},
    "laundered": {"written"},
    "written": {"reclaimed", "stolen", "mapped"},
    "reclaimed": {"mapped", "unmapped"},
    "stolen": {"read"},
    "read": {"mapped", "unmapped", "reclaimed", "stolen"},
}


class Predicted(stops.FaultStop):
    """Every fault's kind as break-fault tells it at the beginning, never stopping."""

    def __init__(self):
        super().__init__(None, None, 0, 1 << 32)
        self.kinds: dict[int, tuple[str, int]] = {}

    def wanted(self) -> bool:
        space, write = memory.View(stops.argument(0), "struct space"), stops.argument(2) == 1
        kind = stops.fault_kind(space, stops.argument(1), write)
        restarts = kernel.counters()["fault_restarts"]
        self.kinds[kernel.current_thread().address] = (kind, restarts)
        return False


class Counted(stops.FunctionStop):
    """What the kernel counted it as in the end."""

    def __init__(self, predicted: Predicted):
        super().__init__("mm/fault.c:fault_finish")
        self.predicted, self.seen, self.wrong = predicted, {}, []
        self.silent = True

    def wanted(self) -> bool:
        fault = memory.View(stops.argument(0), "struct fault")
        kind = ("spurious", "resident", "upgrade", "reclaim", "zero", "swap", "file", "copy")[fault["kind"]]
        was, restarts = self.predicted.kinds.pop(kernel.current_thread().address, (None, 0))
        # Where it slept the world may have changed meanwhile, except for one wait for its own read.
        if was and (kernel.counters()["fault_restarts"] == restarts or kind in ("swap", "file")):
            self.seen[kind] = self.seen.get(kind, 0) + 1
            if was != kind:
                self.wrong.append((was, kind, hex(fault["address"])))
        return sum(self.seen.values()) >= FAULTS


def kinds() -> None:
    predicted = Predicted()
    counted = Counted(predicted)
    go()
    check(sum(counted.seen.values()) == FAULTS, f"{FAULTS} faults were seen: {counted.seen}")
    check(not counted.wrong, f"predicted kinds are those counted: {counted.wrong[:5]}")
    check(len(counted.seen) >= 2, f"of several kinds: {counted.seen}")
    counted.delete()
    predicted.delete()


def one_kind() -> None:
    gdb.execute("break-fault 2 swap 0x8000000-0xbf000000")
    said = go()
    address = int(gdb.convenience_variable("fault_address"))
    check(gdb.convenience_variable("fault_kind").string() == "swap" and 0x8000000 <= address < 0xBF000000, said)
    check(int(gdb.convenience_variable("fault_pid")) == 2, "of the program")
    where = vm(f"where {address}")
    check(where["frame"] is None and where["anon"]["slot"], "the page is on swap")
    gdb.execute("delete")


def eviction() -> None:
    asked = [look["frame"] for look in vm("policy")["sets"][0]["order"][:8]]  # any one of them may stay to the end
    for frame in asked:
        gdb.execute(f"break-evict {frame}")
    said = go()
    named = [frame for frame in asked if f"frame {frame}," in said]
    check(len(named) == 1, f"the page that is evicted is named, and is one of those asked for: {said}")
    frame = named[0]
    check(kernel.frame_number(memory.View(stops.argument(0), "struct frame")) == frame, "it is the one that goes")
    check(memory.register("eip") == memory.address_of("pageout_evict"), "before it goes")
    mapped = vm(f"frame {frame}")["mappings"]
    check(bool(mapped), "still mapped")
    gdb.execute("delete")
    gdb.execute("tbreak frame_to_pool")
    go()
    check(vm(f"frame {frame}")["mappings"] == [], "and then not")
    for mapping in mapped:
        check(not vm(f"pte {mapping['address']} {mapping['pid']}")["pte"]["present"], "its entry is absent")


def life_of_a_page() -> None:
    large = max(vm("areas 2")["areas"], key=lambda area: area["pages"] * (area["object"] is None))
    gdb.execute(f"break-fault 2 swap {large['start']:#x}-{large['end']:#x}")
    go()
    address = int(gdb.convenience_variable("fault_address"))
    gdb.execute("delete")
    gdb.execute(f"watch-page {address}")
    events = []
    while len(events) < PAGE_EVENTS or (not EVERY_ONE <= set(events) and len(events) < MOST_EVENTS):
        gdb.set_convenience_variable("page_event", "")
        go()
        event = gdb.convenience_variable("page_event").string()
        if not check(event in AFTER, f"a stop is an event of the page: {event!r}"):
            return
        events.append(event)
        if event == "mapped":
            check(memory.register("eip") == memory.address_of("frame_map"), "stopped where it is mapped")
        if event == "dirtied":
            check(vm(f"pte {address} 2")["pte"]["dirty"], "the Dirty bit is set")
    check(events[:2] in (["read", "mapped"], ["stolen", "read"]), f"it is read, then mapped: {events}")
    wrong = [(a, b) for a, b in zip(events, events[1:]) if b not in AFTER[a]]
    check(not wrong, f"in an order that a page's life has: {wrong} of {events}")
    check(EVERY_ONE <= set(events), f"every event of a page that goes and comes back is a stop: {events}")
    forget_page()


def forget_page() -> None:
    """Ends the watch that was begun last."""
    watch = stops.WatchPage.watches.pop()
    for stop in [*watch.stops, watch.store]:
        stop.delete()


def reclaimed() -> None:
    """A page that is wanted again while its frame waits in the pool."""
    gdb.execute("break-fault 2 reclaim 0x8000000-0xbf800000")
    go()
    address = int(gdb.convenience_variable("fault_address"))
    gdb.execute("delete")
    gdb.execute(f"watch-page {address}")
    events = []
    for _ in range(2):
        go()
        events.append(gdb.convenience_variable("page_event").string())
    check(events in (["reclaimed", "mapped"], ["written", "reclaimed"]), f"reclaimed is a stop: {events}")
    forget_page()


def main() -> None:
    gdb.execute("break-user quicksort main")
    go()
    check(gdb.selected_frame().name() == "main", "the program's first line, with its symbols")
    check(text("print argc").endswith("= 2\n"), f"where its arguments are its arguments: {text('info args')}")
    gdb.execute("delete")
    check(refuses("break-user quicksort no_such_function") and refuses("break-user nothing main"), "bad names")
    check(refuses("break-fault 2 swap a b"), "too many words")
    one_kind()
    kinds()
    life_of_a_page()
    reclaimed()
    eviction()
    check(vm("check")["good"], "all is well")
    check("quicksort" in text("vm processes"), "the program still runs")


finish(main)
