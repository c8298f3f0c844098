"""What user/durable.c promises with each line it prints, and whether a disk keeps it: for tests that cut the power."""

import os
import pathlib
import re
import struct
import subprocess
from dataclasses import dataclass, field

from runner import disk

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAGIC = 0x6475726C
PAGE = 4096
SECTOR = 512
LINE = re.compile(r"[RAPLTCUDM]( \d+)+\n")
SHAPE = ["--disk-size", "96M", "--swap-size", "16M", "--frames", "600"]
AGAIN = "cat /durable/* /durable/*/* >/dev/null 2>/dev/null; seqsweep 3M 2"


@dataclass
class Promises:
    """What the lines received so far promise."""

    atomic: dict[int, int] = field(default_factory=dict)  # file: version or later
    maybe_gone: set[int] = field(default_factory=set)
    paged: dict[tuple[int, int], int] = field(default_factory=dict)  # (file, page): version or later
    records: int = 0
    cut: dict[int, tuple[int, int]] = field(default_factory=dict)  # file: version, pages at least
    directories: set[int] = field(default_factory=set)
    lines: int = 0
    renamed: dict[int, int] = field(default_factory=dict)  # newest version renamed to the name

    def hear(self, line: str) -> None:
        words = line.split()
        kind, numbers = words[0], [int(word) for word in words[1:]]
        self.lines += 1
        if kind == "R":  # the new file is durable under one of its names, the old one may be there still
            self.renamed[numbers[0]] = numbers[1]
        elif kind == "A":
            self.atomic[numbers[0]] = numbers[1]
            self.maybe_gone.discard(numbers[0])
        elif kind == "U":
            self.maybe_gone.add(numbers[0])
        elif kind == "P":
            self.paged[numbers[0], numbers[1]] = numbers[2]
        elif kind == "L":
            self.records = numbers[0]
        elif kind == "T":
            self.cut[numbers[0]] = (numbers[1], numbers[2])
        elif kind == "C" and numbers[0] in self.cut:
            self.cut[numbers[0]] = (self.cut[numbers[0]][0], numbers[1])
        elif kind == "D":
            self.cut.pop(numbers[0], None)
        elif kind == "M":
            self.directories.add(numbers[0])


def page(letter: str, file: int, number: int, version: int) -> bytes:
    return struct.pack("<4I", MAGIC, ord(letter) << 8 | file, number, version) * (PAGE // 16)


def version_of(data: bytes, letter: str, file: int, number: int) -> int | None:
    """The version of a page; None if it is not whole, or not this page."""
    version = struct.unpack_from("<4I", data)[3] if len(data) == PAGE else None
    return version if version is not None and data == page(letter, file, number, version) else None


def oldest_sector(data: bytes, letter: str, file: int, number: int) -> int | None:
    """The oldest version of a page's sectors, each of them whole; else None. A page overwritten in place is not
    written as one."""
    if len(data) != PAGE:
        return None
    sectors = [data[at:at + SECTOR] for at in range(0, PAGE, SECTOR)]
    versions = [struct.unpack_from("<4I", sector)[3] for sector in sectors]
    right = all(sector == page(letter, file, number, version)[:SECTOR] for sector, version in zip(sectors, versions))
    return min(versions) if right else None


class Complaint(Exception):
    pass


def check_atomic(work: pathlib.Path, promises: Promises) -> int:
    """Whole, of one version, and not older than promised."""
    for number, least in promises.atomic.items():
        path = work / f"a{number}"
        if not path.exists():
            if number in promises.maybe_gone:
                continue
            raise Complaint(f"a{number} is gone; version {least} was durable")
        check_whole(path, number, least)
    return len(promises.atomic)


def check_whole(path: pathlib.Path, number: int, least: int) -> None:
    data = path.read_bytes()
    version = version_of(data[:PAGE], "a", number, 0)
    if version is None or version < least:
        raise Complaint(f"{path.name}: version {version}, {least} was durable")
    if data != b"".join(page("a", number, i, version) for i in range(1 + version % 30)):
        raise Complaint(f"{path.name}: version {version} is not whole ({len(data)} bytes)")


def check_paged(work: pathlib.Path, promises: Promises) -> int:
    files: dict[int, bytes] = {}
    for (number, index), least in promises.paged.items():
        if number not in files:
            path = work / f"p{number}"
            if not path.exists():
                raise Complaint(f"p{number} is gone")
            files[number] = path.read_bytes()
        version = oldest_sector(files[number][index * PAGE:(index + 1) * PAGE], "p", number, index)
        if version is None or version < least:
            raise Complaint(f"p{number}, page {index}: version {version}, {least} was durable")
    return len(files)


def check_log(work: pathlib.Path, promises: Promises) -> int:
    if promises.records == 0:
        return 0
    data = (work / "l").read_bytes() if (work / "l").exists() else b""
    wanted = b"".join(struct.pack("<4I", MAGIC, ord("l") << 8, n, n ^ 0xFFFFFFFF)
                      for n in range(promises.records))
    if data[:len(wanted)] != wanted:
        same = next((i for i in range(0, len(wanted), 16) if data[i:i + 16] != wanted[i:i + 16]), 0) // 16
        raise Complaint(f"l: {len(data)} bytes, wrong from record {same} on; {promises.records} were durable")
    return 1


def check_cut(work: pathlib.Path, promises: Promises) -> int:
    for number, (version, pages) in promises.cut.items():
        path = work / f"t{number}"
        data = path.read_bytes() if path.exists() else None
        if data is None:
            raise Complaint(f"t{number} is gone; {pages} pages were durable")
        if data[:pages * PAGE] != b"".join(page("t", number, i, version) for i in range(pages)):
            raise Complaint(f"t{number}: {len(data)} bytes, not its first {pages} pages of version {version}")
    return len(promises.cut)


def check_directories(work: pathlib.Path, promises: Promises) -> int:
    for number in promises.directories:
        wanted = b"".join(page("d", number, i, number) for i in range(2))
        candidates = [work / f"d{number}/x", work / f"d{number + 4}/y{number}"]
        found = [path for path in candidates if path.exists()]
        if not found:
            raise Complaint(f"d{number}/x is gone, and not at its new place either")
        if all(path.read_bytes() != wanted for path in found):
            raise Complaint(f"{found[0].relative_to(work)}: not what was durable")
    return len(promises.directories)


def check_files(image: pathlib.Path, place: pathlib.Path, promises: Promises) -> int:
    """Files that were promised and are right."""
    work = place / "durable"
    subprocess.run(["debugfs", "-R", f"rdump /durable {place}", f"{image}?offset={disk.ROOT_OFFSET}"],
                   capture_output=True, env=disk.tool_environment(), check=False)
    if promises.lines and not work.exists():
        if promises.paged:
            raise Complaint("/durable is gone")
        return 0
    return sum(check(work, promises) for check in
               (check_atomic, check_paged, check_log, check_cut, check_directories))


def fsck(image: pathlib.Path, flags: str) -> subprocess.CompletedProcess:
    return subprocess.run(["e2fsck", flags, f"{image}?offset={disk.ROOT_OFFSET}"], capture_output=True,
                          text=True, errors="replace", env=disk.tool_environment(), check=False)


def boot_again(image: pathlib.Path) -> None:
    done = subprocess.run([str(ROOT / "tools/guest"), "--disk", str(image), *SHAPE, "--append", "check=100",
                           "--check-disk", "--", "sh", "-c", AGAIN], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0 or "pass 2 of 2" not in done.stdout:
        raise Complaint(f"booted again: status {done.returncode}: {done.stdout}{done.stderr}")


def children(pid: int) -> list[int]:
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


def qemu_of(runner: subprocess.Popen) -> int:
    for child in children(runner.pid):
        if b"qemu-system" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    raise Complaint("no QEMU")


def copy_disk(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies an image, holes staying holes."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        disk.copy_sparse(descriptor, target)
    finally:
        os.close(descriptor)
