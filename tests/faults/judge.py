"""What a run on a bad disk may come to, shared by the tests of this directory."""

import pathlib
import subprocess

from runner import disk

SIGBUS = 7
SIGPIPE = 13  # the process at the pipe's other end has been told, and has died of it
TOLD = "Input/output error"
BAD_ADDRESS = "Bad address"  # of a system call whose buffer cannot be read back, as Linux says it
READ_ONLY = "Read-only file system"  # a disk whose superblock cannot be written
# What a program says last when it, or a child that fed it, has been told.
LAST_WORDS = (TOLD, BAD_ADDRESS, READ_ONLY, "Bus error", "end of data", f"ended with status {128 + 7}")


def lines_right(got: str, wanted: str) -> bool:
    """Whether what was printed until the error is what should have been: a part of it, in its order."""
    rest = iter(wanted.splitlines())
    for line in got.splitlines():
        if any(words in line for words in LAST_WORDS):
            break
        if not any(line == other for other in rest):
            return False
    return True


def judge(got: tuple[str, int | None], wanted: tuple[str, int | None]) -> str:
    """right, told, or what is wrong."""
    if got == wanted:
        return "right"
    text, status = got
    told = status in (128 + SIGBUS, 128 + SIGPIPE) or (status != 0 and any(words in text for words in LAST_WORDS))
    if not told:
        return f"wrong: status {status}, output {text[-300:]!r}"
    return "told" if lines_right(text, wanted[0]) else f"wrong data before the error: {text[-300:]!r}"


def check_disk(image: pathlib.Path, may_repair: bool) -> str:
    """"" if the file system is clean, "repaired" if e2fsck made it so and that is allowed; else a complaint."""
    def fsck(flags: str) -> subprocess.CompletedProcess:
        return subprocess.run(["e2fsck", flags, f"{image}?offset={disk.ROOT_OFFSET}"], capture_output=True,
                              text=True, errors="replace", env=disk.tool_environment(), check=False)
    first = fsck("-fn")
    if first.returncode == 0:
        return ""
    if not may_repair:
        return f"e2fsck: {first.stdout}"
    second = fsck("-fy")
    if second.returncode > 2:
        return f"e2fsck cannot repair it: {second.stdout}"
    third = fsck("-fn")
    return "repaired" if third.returncode == 0 else f"e2fsck is not content: {third.stdout}"
