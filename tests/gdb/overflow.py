"""A kernel stack that runs into its guard page: a double fault, told in full, on the log and on the screen."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import check, finish, go, memory, panic_on_screen, screen, text  # noqa: E402


def is_mapped(address: int) -> bool:
    try:
        memory.read(address, 4)
    except memory.Absent:
        return False
    return True


def main() -> None:
    gdb.execute("tbreak vm_fault if space->faults.minor > 20")
    go()
    top = int(gdb.parse_and_eval("(unsigned)thread_current->stack_top"))
    bottom = memory.register("esp") & ~(memory.PAGE_SIZE - 1)
    while is_mapped(bottom - 4):
        bottom -= memory.PAGE_SIZE
    check(top - bottom <= 4 * memory.PAGE_SIZE, f"a stack of a few pages: {bottom:#x} to {top:#x}")
    gdb.execute(f"set $esp = {bottom + 16}")
    panic_on_screen("kernel stack overflow of thread")
    check(" eax " in "\n".join(screen()), "of a trap all registers")
    log = text("vm log 60")
    for record in ("@panic kernel stack overflow of thread", "@reg esp", "@frame ", "@event "):
        check(record in log, f"the log has {record}")


finish(main)
