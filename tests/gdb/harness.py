"""What the test scripts inside gdb share: counting checks, asking `vm -json`, running the machine."""

import json
import os
import pathlib
import re
import sys
import traceback

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools/gdb"))

from house import kernel, memory  # noqa: E402,F401

RESULT = {"checks": 0, "failures": 0}


def check(condition, what: str) -> bool:
    """Counts; tells of what is wrong and where."""
    RESULT["checks"] += 1
    if not condition:
        RESULT["failures"] += 1
        caller = traceback.extract_stack()[-2]
        print(f"FAILED: {what} ({pathlib.Path(caller.filename).name}:{caller.lineno})")
    return bool(condition)


def vm(command: str):
    """The record of `vm -json command`."""
    return json.loads(gdb.execute("vm -json " + command, False, True))


def text(command: str) -> str:
    """What a command prints."""
    return gdb.execute(command, False, True)


def refuses(command: str) -> bool:
    """The command ends with an error of one line, of its own and not of Python's."""
    try:
        gdb.execute(command, False, True)
    except gdb.error as error:
        return "\n" not in str(error) and "Python Exception" not in str(error)
    return False


def go() -> str:
    """Continues to the next stop; returns what was said meanwhile."""
    return gdb.execute("continue", False, True)


def screen() -> list[str]:
    """The rows of the VGA text screen, as they are in the card's memory."""
    cells = memory.read(memory.DIRECT_MAP + 0xB8000, 80 * 25 * 2)
    return [cells[row * 160:(row + 1) * 160:2].decode("cp437").rstrip() for row in range(25)]


def panic_on_screen(what: str) -> None:
    """At the end of a panic: the screen has cause, registers, functions and the last faults."""
    gdb.execute("tbreak machine_exit")
    go()
    rows = screen()
    whole = "\n".join(rows)
    check(rows[0] == "Faultline has stopped:" and what in whole.replace("\n", ""), f"the cause: {rows[:3]}")
    for register in ("eip", "ebp", "esp", "cr0", "cr2", "cr3", "cr4"):
        check(re.search(rf"\b{register} [0-9a-f]{{8}}\b", whole), f"register {register}: {whole}")
    check("called from, innermost first:" in rows, "a heading")
    check(re.search(r"\b[a-z_]+\+0x[0-9a-f]+", whole), f"functions by name: {whole}")
    check(re.search(r"last events:\n.*fault-end .*address 0x", whole), f"the last faults: {whole}")


def alive() -> bool:
    """False when the machine has ended."""
    return bool(gdb.selected_inferior().threads())


def finish(main) -> None:
    """Runs the script's body, counts an exception as a failure, and leaves the result for tests/gdb/cases."""
    try:
        main()
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        RESULT["checks"] += 1
        RESULT["failures"] += 1
    result = pathlib.Path(os.environ["FAULTLINE_RESULT"])
    result.write_text(f"{RESULT['checks']} {RESULT['failures']}\n", encoding="ascii")
    try:
        gdb.execute("kill", False, True)
    except gdb.error:
        pass
