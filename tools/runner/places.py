"""Places on a guest's disk by name, for --disk-fault: which sectors a file, its inode or the swap area has."""

import pathlib
import re
import subprocess

from .outcome import Trouble

SECTOR = 512
PAGE_SECTORS = 8
PARTITION_TABLE = 446  # byte of the MBR
PLACES = "SECTOR, swap, /FILE, inode:/FILE, map:/FILE or super"


def partition(image: pathlib.Path, number: int) -> tuple[int, int]:
    """First sector and length of partition @number, from 1, as the MBR has it."""
    with open(image, "rb") as disk:
        disk.seek(PARTITION_TABLE + 16 * (number - 1) + 8)
        entry = disk.read(8)
    return int.from_bytes(entry[:4], "little"), int.from_bytes(entry[4:], "little")


class FileSystem:
    """The root file system of an image, asked with debugfs."""

    def __init__(self, image: pathlib.Path, environment: dict[str, str]):
        self.image, self.environment = image, environment
        self.start = partition(image, 1)[0]
        found = re.search(r"^Block size: +(\d+)", self.ask("show_super_stats -h"), re.MULTILINE)
        if not found:
            raise Trouble("--disk-fault: no file system on the disk")
        self.block_size = int(found[1])

    def ask(self, command: str) -> str:
        """What debugfs says to @command."""
        done = subprocess.run(
            ["debugfs", "-R", command, f"{self.image}?offset={self.start * SECTOR}"],
            capture_output=True, text=True, errors="replace", env=self.environment, check=False)
        return done.stdout

    def sectors_of_block(self, block: int) -> range:
        """On the disk."""
        count = self.block_size // SECTOR
        first = self.start + block * count
        return range(first, first + count)

    def blocks(self, path: str) -> tuple[dict[int, int], list[int]]:
        """The data blocks of a file, by their number in it, and its indirect blocks."""
        text = self.ask(f'stat "{path}"')
        if "Inode:" not in text:
            raise Trouble(f"--disk-fault: no file {path} on the disk")
        data, indirect = {}, []
        for names, places in re.findall(r"\(([^)]+)\):(\d+(?:-\d+)?)", text.partition("BLOCKS:")[2]):
            first, last = (places.split("-") * 2)[:2]
            if "IND" in names:
                indirect += range(int(first), int(last) + 1)
                continue
            start = int(names.split("-")[0])
            for block in range(int(first), int(last) + 1):
                data[start + block - int(first)] = block
        return data, indirect

    def inode_block(self, path: str) -> int:
        """The block of the inode table that holds the file's inode."""
        found = re.search(r"located at block (\d+)", self.ask(f'imap "{path}"'))
        if not found:
            raise Trouble(f"--disk-fault: no file {path} on the disk")
        return int(found[1])


def pages(text: str, total: int) -> range:
    """FIRST[-LAST] of @total pages; "" is all."""
    first, _, last = text.partition("-")
    return range(int(first or 0), min(int(last or first or total - 1), total - 1) + 1)


def sectors(place: str, image: pathlib.Path, environment: dict[str, str]) -> list[int]:
    """The sectors of a place: @place is SECTOR[-LAST], super, or a name, with @FIRST[-LAST] for pages of it."""
    if re.fullmatch(r"\d+(-\d+)?", place):
        first, _, last = place.partition("-")
        return list(range(int(first), int(last or first) + 1))
    name, _, which = place.partition("@")
    if name == "swap":
        start, length = partition(image, 2)
        return [start + page * PAGE_SECTORS + sector for page in pages(which, length // PAGE_SECTORS)
                for sector in range(PAGE_SECTORS)]
    system = FileSystem(image, environment)
    if name == "super":
        return list(range(system.start + 2, system.start + 4))
    if name.startswith("inode:"):
        return list(system.sectors_of_block(system.inode_block(name.removeprefix("inode:"))))
    if name.startswith("map:"):
        blocks = system.blocks(name.removeprefix("map:"))[1]
        return [sector for block in blocks for sector in system.sectors_of_block(block)]
    if not name.startswith("/"):
        raise Trouble(f"--disk-fault: {place}: not {PLACES}")
    data = system.blocks(name)[0]
    per_page = max(1, 4096 // system.block_size)
    total = (max(data, default=-1) + per_page) // per_page
    wanted = pages(which, total)
    return [sector for index, block in sorted(data.items()) if index // per_page in wanted
            for sector in system.sectors_of_block(block)]
