"""The systems under measurement: each boots one command of tests/bench/programs/bench.c in the same QEMU machine,
with the plugin tests/bench/counter.c, and returns what was counted."""

import json
import os
import pathlib
import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/bench"
MACHINE_CPU = "qemu32"
DATA = "/bench.data"
DATA_MIB = 72  # more than twice the largest memory measured
SWAP_MIB = 96
SWAP_TYPE = 0x82

# What the kernel moves whole pages with: these instructions are left out of comparisons on both sides.
BULK = re.compile(r"^page_(clear|copy)|^user_move_wide$")


# The host should add nothing of its own to a time: the disk is in its memory where there is room, and the guest's
# memory is the host's before the guest starts.
SCRATCH = pathlib.Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else BUILD
PREALLOCATED = "-mem-prealloc"


class Failure(Exception):
    """A guest that did not do what it should."""


@dataclass
class Region:
    """One measured region: its name, the operations in it, the guest's nanoseconds and the plugin's figures."""

    name: str
    operations: int
    nanoseconds: int
    counts: dict[str, float]
    counters: dict[str, int] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)  # which of the plugin's regions it is made of

    def kernel(self) -> float:
        """Instructions of the kernel for an operation, clearing and copying left out."""
        counts = self.counts
        return (counts["kernel"] - counts["string"] - counts["bulk"]) / self.operations

    def time(self, clock: str) -> float:
        """Microseconds for an operation, by "wall" (the host's clock) or "vcpu" (its processor's time)."""
        return self.counts[clock] / self.operations


def read_regions(output: str, records: pathlib.Path) -> list[Region]:
    """Puts the program's lines and the plugin's records together: both are in order."""
    regions: list[Region] = []
    counts = [json.loads(line) for line in records.read_text(encoding="ascii").splitlines()]
    for line in output.splitlines():
        words = line.split()
        if len(words) == 4 and words[0] == "BENCH" and len(regions) < len(counts):
            regions.append(Region(words[1], int(words[2]), int(words[3]), counts[len(regions)]))
        elif len(words) == 3 and words[0] == "COUNT" and regions:
            regions[-1].counters[words[1]] = int(words[2])
    if not regions or len(counts) != len(regions):
        raise Failure(f"the program did not come to its end:\n{output}")
    return together(regions)


def together(regions: list[Region]) -> list[Region]:
    """Regions of one name, which a row that takes turns has, become one: the sum."""
    sums: dict[str, Region] = {}
    for number, region in enumerate(regions):
        whole = sums.setdefault(region.name, Region(region.name, 0, 0, {}))
        whole.operations += region.operations
        whole.nanoseconds += region.nanoseconds
        whole.numbers.append(number)
        for total, part in ((whole.counts, region.counts), (whole.counters, region.counters)):
            for name, value in part.items():
                total[name] = total.get(name, 0) + value
    return list(sums.values())


def bulk_ranges(kernel: pathlib.Path) -> list[str]:
    """The plugin's options for the functions of the kernel that clear and copy pages."""
    symbols = subprocess.run(["nm", "-n", str(kernel)], capture_output=True, text=True, check=True).stdout
    entries = [line.split() for line in symbols.splitlines() if len(line.split()) == 3]
    entries = [entry for entry in entries if entry[1] in "tT" and "." not in entry[2]]
    ranges = []
    for entry, following in zip(entries, entries[1:]):
        if BULK.match(entry[2]):
            ranges.append(f"bulk={entry[0]}-{following[0]}")
    return ranges


def plugin(records: pathlib.Path, counting: bool, more: list[str]) -> str:
    """The value of QEMU's -plugin."""
    words = [str(BUILD / "counter.so"), f"out={records}", f"count={'on' if counting else 'off'}", *more]
    return ",".join(words)


def make_disk(path: pathlib.Path, tree: pathlib.Path) -> None:
    """The disk that all systems get a copy of: Faultline's, with the programs and a large file."""
    data = BUILD / "bench.data"
    if not data.exists():
        make_data(data)
    with tempfile.TemporaryDirectory(dir=BUILD) as stage:
        subprocess.run(["cp", "-al", f"{tree}/build/stage/.", stage], check=True)
        subprocess.run(["cp", str(BUILD / "bench"), f"{stage}/bin/bench"], check=True)
        subprocess.run(["cp", "-l", str(data), f"{stage}{DATA}"], check=True)
        subprocess.run([str(ROOT / "tools/mkimage"), "--stage", stage, "--disk-size", "160M", "--swap-size", f"{SWAP_MIB}M",
                        str(path)], check=True, capture_output=True)
    fill_swap(path)


def fill_swap(path: pathlib.Path) -> None:
    """Writes something to each slot: else the first write to it would be a measure of how the host's file grows."""
    with path.open("r+b") as disk:
        table = disk.read(512)[446:510]
        for at in range(0, 64, 16):
            start, sectors = struct.unpack_from("<II", table, at + 8)
            if table[at + 4] == SWAP_TYPE:
                disk.seek((start + 8) * 512)  # behind the header's page
                disk.write(b"\xa5" * ((sectors - 8) * 512))


def make_data(path: pathlib.Path) -> None:
    """One word in each sector, as bench.c computes it with seed 0; the rest is zero."""
    from array import array

    words = array("I", bytes(DATA_MIB << 20))
    for at in range(0, len(words), 128):
        value = (at + 1) * 2654435761 & 0xFFFFFFFF
        words[at] = value ^ value >> 15
    path.write_bytes(words.tobytes())


class Faultline:
    """The kernel of the tree @tree, run by its own tools/guest."""

    name = "faultline"

    def __init__(self, tree: pathlib.Path = ROOT):
        self.tree = tree
        self.disk = BUILD / "disk.img"
        self.kernel = tree / "build/faultline.elf"

    def run(self, row: str, kib: int, counting: bool = True, command: str = "", words: str = "",
            hot: pathlib.Path | None = None, memory: str = "96M", icount: bool = False) -> list[Region]:
        """Boots once; @kib: what is left to user programs, 0 for all."""
        with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="faultline-bench-") as scratch:
            disk, records = pathlib.Path(scratch) / "disk.img", pathlib.Path(scratch) / "records"
            subprocess.run(["cp", "--sparse=always", str(self.disk), str(disk)], check=True)
            more = bulk_ranges(self.kernel) + ([f"hot={hot}"] if hot else [])
            arguments = [str(self.tree / "tools/guest"), "--accel", "tcg", "--cpu", MACHINE_CPU, "--mem", memory]
            arguments += ["--disk", str(disk), "--timeout", "280"]
            arguments += ["--qemu-args", f"{PREALLOCATED} -plugin {plugin(records, counting, more)}"]
            if icount:
                arguments += ["--qemu-args", "-icount shift=0"]
            if kib:
                arguments += ["--frames", str(kib // 4)]
            if words:
                arguments += ["--append", words]
            arguments += ["--", "bench", row, str(kib), DATA, *command.split()]
            done = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode != 0:
                raise Failure(f"{row}: status {done.returncode}\n{done.stdout}{done.stderr}")
            return read_regions(done.stdout, records)
