"""A guest that runs already: gdb comes, looks, goes on, and stops it again."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, vm  # noqa: E402


def main() -> None:
    gdb.execute("tbreak sched_sleep")  # of whoever sleeps next: by then there are processes
    go()
    while "sleep" not in [one["name"] for one in vm("processes")["processes"]]:
        gdb.execute("tbreak sched_sleep")
        go()
    gdb.execute("tbreak kernel_tick")
    go()
    names = [one["name"] for one in vm("processes")["processes"]]
    check(names[:2] == ["init", "sh"], f"init, a shell and sleep: {names}")
    check(vm("check")["good"], "all is well")
    before = memory.variable("counters")
    gdb.execute("tbreak kernel_tick")
    go()
    check(len(before) == len(memory.variable("counters")), "the machine went on and stopped again")


finish(main)
