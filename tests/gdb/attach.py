"""A guest that runs already: gdb comes, looks, goes on, and stops it again."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, text, vm  # noqa: E402


TICKS = 500


def main() -> None:
    names = []
    for _ in range(TICKS):
        gdb.execute("tbreak kernel_tick")
        go()
        names = [one["name"] for one in vm("processes")["processes"]]
        if "sleep" in names:
            break
    check(names == ["init", "sh", "sleep"], f"init, a shell and its child: {names}")
    check(vm("check")["good"], "all is well")
    before = vm("threads")["threads"][0]["frames"]
    now = memory.variable("arch/x86/time.c:ticks")
    gdb.execute("tbreak kernel_tick")
    go()
    check(memory.variable("arch/x86/time.c:ticks") == now + 1, "the machine went on and stopped again")
    check(bool(before) and "sleep" in text("vm processes"), "and all is there")


finish(main)
