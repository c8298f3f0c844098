"""Every command of tools/gdb: help with its usage, completion, bad arguments, and addresses where nothing is."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, text  # noqa: E402

from house.command import COMMANDS  # noqa: E402

# Beside `vm NAME`: what completes them, and arguments that each must refuse.
OTHERS = {
    "threads": ("threads 1", ["99", "2 3", "no_such_symbol"]),
    "break-fault": ("break-fault upgr", ["swap onefault 7", "0xzz", "0x1-"]),
    "break-evict": ("break-evict frame_ta", ["", "99999999", "no_such_symbol", "1 2"]),
    "break-user": ("break-user onef", ["", "onefault", "onefault no_such_function", "no_such_program main", "a b c"]),
    "add-user": ("add-user onef", ["", "no_such_program"]),
    "watch-page": ("watch-page frame_ta", ["", "no_such_symbol", "0x8048000 99", "1 2 3"]),
    "who-dirtied": ("who-dirtied frame_ta", ["", "0x8048000", "1 2 3"]),
    "who-freed": ("who-freed frame_ta", ["", "8000", "1 2"]),
    "who-wrote": ("who-wrote frame_ta", ["", "0x8048000", "1 2 3"]),
    "tour": ("tour re", ["", "nowhere"]),
}
# The same for `vm NAME`: completion where there is something to complete.
COMPLETED = {"areas": "vm areas 1", "threads": "vm threads 1", "frames": "vm frames di", "counters": "vm counters pgf",
             **{name: f"vm {name} frame_ta" for name in
                ("pte", "walk", "where", "frame", "anon", "amap", "object", "swap")}}
REFUSED = {"log": ["1 2", "no_such_symbol"], "console": ["1"], "type": ["ls"], "counters": ["a b"],
           "frames": ["wet", "a b"]}
NO_ARGUMENT = {"blk", "check", "policy", "pool", "processes"}
ADDRESSES = (0, 1, 0xFFF, 0x1000, 0x8047FFF, 0x7FFFFFFF, 0xBFFFFFFF, 0xC0000000, 0xC00A0000, 0xC1FFFFFF, 0xC2000000,
             0xCFFFFFFF, 0xEFFFFFFF, 0xF0000000, 0xFEC00000, 0xFFFFFFFC, 0xFFFFFFFF)
OF_ADDRESS = ("vm pte", "vm walk", "vm where", "vm anon", "vm amap", "vm object", "vm frame", "vm swap", "vm areas",
              "vm threads", "vm -json where", "vm -json anon", "vm -json amap", "vm -json object", "break-evict",
              "who-wrote")


def outcome(command: str) -> tuple[str, str]:
    """"answered" and the text, "refused" and the line that says why, or "broken" and what Python or gdb said."""
    try:
        return "answered", gdb.execute(command, False, True)
    except gdb.error as error:
        said = str(error)
        own = "\n" not in said and "Python" not in said and "access memory" not in said and said
        return ("refused" if own else "broken"), said


def documented() -> None:
    names = [f"vm {name}" for name in COMMANDS] + list(OTHERS)
    check(set("areas pte walk frame frames pool anon amap object swap policy processes threads blk counters check "
              "where".split()) <= set(COMMANDS), "all that there should be")
    for name in names:
        said = text(f"help {name}")
        word = "vm threads" if name == "threads" else name
        lines = said.splitlines()
        usage = next((line for line in lines if line.startswith(word)), "")
        check(usage.startswith(word) and ":" in said, f"help {name} says how it is used: {lines[:3]}")
        check(len(said) > len(name) + 30, f"help {name} says what it does")
        in_list = text(f"apropos -v ^{name}$" if " " not in name else f"help {name}")
        check(bool(in_list.strip()), f"{name} is found")


def completed() -> None:
    for name in COMMANDS:
        check(f"vm {name}" in text(f"complete vm {name[:2]}").splitlines(), f"vm {name} is completed")
    for name in OTHERS:
        check(name in text(f"complete {name[:-1]}").splitlines(), f"{name} is completed")
    for line in [*COMPLETED.values(), *(line for line, _ in OTHERS.values())]:
        offered = text(f"complete {line}").splitlines()
        check(offered and all(one.startswith(line) for one in offered), f"complete {line}: {offered[:3]}")


def refused() -> None:
    for name, (_, bad) in OTHERS.items():
        for arguments in bad:
            kind, said = outcome(f"{name} {arguments}")
            check(kind == "refused", f"{name} {arguments}: {kind}: {said}")
    for name in COMMANDS:
        for arguments in REFUSED.get(name, ["1 2 3"] if name not in NO_ARGUMENT else ["1"]):
            for form in (f"vm {name} {arguments}", f"vm -json {name} {arguments}"):
                kind, said = outcome(form)
                check(kind == "refused", f"{form}: {kind}: {said[:200]}")
    kind, said = outcome("vm")
    check(kind != "broken", f"vm: {said}")


def unmapped() -> None:
    """Nothing is there: an answer that says so, or a line."""
    for address in ADDRESSES:
        for command in OF_ADDRESS:
            kind, said = outcome(f"{command} {address:#x}")
            check(kind != "broken", f"{command} {address:#x}: {said}")
    for command in ("watch-page", "break-fault"):
        for address in ADDRESSES:
            kind, said = outcome(f"{command} {address:#x}")
            check(kind != "broken", f"{command} {address:#x}: {said}")
        gdb.execute("delete")


def main() -> None:
    documented()
    completed_early = [outcome(f"complete {line}")[0] for line in COMPLETED.values()]
    check("broken" not in completed_early, "completion at reset, where paging is off")
    at_reset = [(f"vm {name}", *outcome(f"vm {name}")) for name in COMMANDS]
    check(not [one for one in at_reset if one[1] == "broken"], f"every command at reset: {at_reset}")
    gdb.execute("break-user onefault main")
    go()
    gdb.execute("delete")
    completed()
    refused()
    unmapped()
    gdb.execute("tbreak process_exit")
    go()
    check("onefault" in text("vm processes"), "the machine goes on: nothing was changed")
    gdb.execute("tbreak machine_exit")
    gdb.execute("tbreak machine_shutdown")
    go()
    for name in COMMANDS:
        kind, said = outcome(f"vm {name}")
        check(kind != "broken", f"vm {name} at the end: {said}")


finish(main)
