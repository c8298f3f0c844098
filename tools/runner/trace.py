"""The guest's memory, shared with this process, and the trace in it: docs/trace.md has the format.

QEMU keeps the guest's RAM in a file that we map too. The kernel writes events into a ring there and never
waits for us; we copy them out while it runs. What we were too late for is counted, and stands in the file as
an event of kind 255.
"""

import mmap
import os
import pathlib
import re
import struct
import threading

from .outcome import Trouble

MAGIC = b"FAULTLINE TRACE\0"
VERSION = 2
PAGE = 4096
EVENT = struct.Struct("<QIBBHIIII")  # time, sequence, kind, detail, who, frame, address, a, b
ROUND = 1 << 32  # bytes of events are counted modulo that: head, tail, sequence
KIND_LOST = 255
NO_FRAME = 0xFFFFFFFF
UNFINISHED = 0xFFFFFFFF  # in AT_WRITTEN

# Offsets in the header (mm/trace.h).
AT_VERSION, AT_HEADER_BYTES, AT_EVENT_BYTES, AT_EVENTS, AT_SELF = 16, 20, 24, 28, 32
AT_HEAD, AT_TAIL, AT_LOST, AT_WRITTEN, AT_RING = 40, 44, 48, 52, 156

LEAST_MEMORY = 2 << 20  # bytes: the kernel lies at 1 MiB

LEAST_PAUSE, MOST_PAUSE = 0.001, 0.02  # seconds between two looks


def size_in_bytes(size: str) -> int:
    """What QEMU's -m makes of a size: megabytes without a suffix."""
    match = re.fullmatch(r"(\d+)([kKmMgG]?)", size)
    if not match:
        raise Trouble(f"--mem {size}: not a size")
    shift = {"k": 10, "m": 20, "g": 30}[match[2].lower() or "m"]
    size = int(match[1]) << shift
    if size < LEAST_MEMORY:
        raise Trouble(f"--mem {match[0]}: the kernel needs {LEAST_MEMORY >> 20}M")
    return size


class SharedMemory:
    """The file with the guest's RAM, mapped: in memory where this machine has a place for that."""

    def __init__(self, size: int, link: pathlib.Path | None):
        """@link, if there is one, is made to point to the file, for those who watch."""
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
        self.path = pathlib.Path(place) / f"faultline-ram-{os.getpid()}"
        self.link = link
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if link:
            link.unlink(missing_ok=True)
            link.symlink_to(self.path)
        os.ftruncate(descriptor, size)
        self.bytes = mmap.mmap(descriptor, size)
        os.close(descriptor)
        self.size = size

    def arguments(self) -> list[str]:
        """QEMU's, besides -machine pc,memory-backend=ram."""
        path = str(self.path).replace(",", ",,")
        return ["-object", f"memory-backend-file,id=ram,size={self.size},mem-path={path},share=on"]

    def close(self) -> None:
        """The names go. Who has it mapped sees that the guest has ended, and what it has left."""
        header = find_header(self.bytes)
        if header is not None and struct.unpack_from("<I", self.bytes, header + AT_WRITTEN)[0] == UNFINISHED:
            struct.pack_into("<I", self.bytes, header + AT_WRITTEN, 0)
        self.path.unlink(missing_ok=True)
        if self.link and self.link.is_symlink() and os.readlink(self.link) == str(self.path):
            self.link.unlink()


def find_header(memory: mmap.mmap) -> int | None:
    """Where the header is: at the beginning of a page, and it says itself that it is there."""
    at = memory.find(MAGIC)
    while at >= 0:
        if at % PAGE == 0 and struct.unpack_from("<I", memory, at + AT_SELF)[0] == at:
            return at
        at = memory.find(MAGIC, at + 1)
    return None


class Drain:
    """Copies the ring into a file, in a thread of its own, until it is stopped."""

    def __init__(self, memory: SharedMemory, path: pathlib.Path):
        self.memory, self.over = memory.bytes, threading.Event()
        self.header: int | None = None
        self.trouble: Exception | None = None
        self.tail = self.lost = self.written = 0
        self.file = open(path, "wb")
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _word(self, offset: int) -> int:
        return struct.unpack_from("<I", self.memory, self.header + offset)[0]

    def _set_word(self, offset: int, value: int) -> None:
        struct.pack_into("<I", self.memory, self.header + offset, value & 0xFFFFFFFF)

    def _write_header(self) -> None:
        self.file.write(self.memory[self.header:self.header + self.header_bytes])

    def _follow(self) -> None:
        pause = LEAST_PAUSE
        while not self.over.wait(pause):
            try:
                taken = self._look()
            except (Trouble, OSError) as trouble:
                self.trouble = trouble
                return
            busy = self.header is not None and taken > self.events // 16
            pause = max(LEAST_PAUSE, pause / 2) if busy else min(MOST_PAUSE, pause * 1.5)

    def _look(self) -> int:
        """Takes what is there: events taken."""
        if self.header is None:
            self.header = find_header(self.memory)
            if self.header is None:
                return 0
            if self._word(AT_VERSION) != VERSION or self._word(AT_EVENT_BYTES) != EVENT.size:
                raise Trouble("--trace: the kernel's trace has another format than this runner's")
            self.header_bytes = self._word(AT_HEADER_BYTES)
            self.ring = self._word(AT_RING)
            self.events = self._word(AT_EVENTS)
            self._write_header()
        taken = 0
        while (got := self._take()) > 0:
            taken += got
        return taken

    def _ahead(self, number: int) -> int:
        """How many events have been begun since event @number."""
        return (self._word(AT_HEAD) - number * EVENT.size) % ROUND // EVENT.size

    def _take(self) -> int:
        """One piece of the ring, up to its end: events passed, those that were missed included."""
        behind = self._ahead(self.tail)
        missed = 0
        if behind > self.events:  # skip some more, or the next ones are gone when they have been copied
            missed = behind - self.events + self.events // 8
        first = self.tail + missed
        place = first % self.events
        count = min(behind - missed, self.events - place)
        start = self.ring + place * EVENT.size
        piece = self.memory[start:start + count * EVENT.size]
        # What may have been overwritten while it was copied is not believed, …
        late = self._ahead(first) - self.events
        drop = min(max(late, 0), count)
        count = complete(piece, first, drop, count)
        missed += drop
        if missed > 0:
            self._note_missed(missed)
        self.file.write(piece[drop * EVENT.size:count * EVENT.size])
        self.written += count - drop
        self.tail = first + count
        self._set_word(AT_TAIL, self.tail * EVENT.size)
        return missed + count - drop

    def _note_missed(self, missed: int) -> None:
        self.lost += missed
        self.written += 1
        self.file.write(EVENT.pack(0, 0, KIND_LOST, 0, 0, NO_FRAME, 0, missed, 0))
        self._set_word(AT_LOST, self.lost)

    def stop(self) -> None:
        """Takes the rest, after QEMU has ended, and completes the file's header."""
        self.over.set()
        self.thread.join()
        try:
            self._look()
            if self.header is not None:
                self._set_word(AT_WRITTEN, self.written)
                self.file.seek(0)  # the kernel has filled in more meanwhile
                self._write_header()
        finally:
            self.file.close()
        if self.trouble:
            raise self.trouble
        if self.header is None:
            raise Trouble("--trace: the guest has not come as far as its trace")


def complete(piece: bytes, first: int, drop: int, count: int) -> int:
    """How many events of the piece are: up to the first that is still being written."""
    sequences = memoryview(piece).cast("I")[2::EVENT.size // 4].tolist()
    start = (first + drop + 1) * EVENT.size % ROUND
    if sequences[drop:count] == list(range(start, start + (count - drop) * EVENT.size, EVENT.size)):
        return count
    for index in range(drop, count):
        if sequences[index] != (first + index + 1) * EVENT.size % ROUND:
            return index
    return count
