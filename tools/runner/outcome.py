"""How a guest ended: the kernel's records on the log port, and QEMU's own exit status.

The records are lines that start with '@': `@stat NAME VALUE`, `@exit status N`, `@exit signal N`; after a
panic `@panic TEXT`, `@reg NAME HEX`, `@frame HEX FUNCTION` (innermost first), `@event TEXT` (what the thread did
last, oldest first), `@end`.
"""

import pathlib
from dataclasses import dataclass, field

STATUS_PANIC = 250
STATUS_HANG = 251
STATUS_TROUBLE = 252
STATUS_USAGE = 253

# What the kernel writes to isa-debug-exit (arch/x86/machine.h), as QEMU turns it into an exit status.
QEMU_KERNEL_DONE = 16 << 1 | 1
QEMU_KERNEL_PANIC = 17 << 1 | 1


class Trouble(Exception):
    """QEMU, an image or a tool let us down: nothing the kernel or the program did."""


@dataclass
class Outcome:
    """`kind` is "exit", "signal", "left", "panic", "hang" or "qemu"; the rest is filled as far as it is known."""

    kind: str
    status: int = 0
    signal: int = 0
    text: str = ""
    seconds: float = 0.0
    fsck: int | None = None
    stats: dict[str, int] = field(default_factory=dict)
    registers: list[tuple[str, str]] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    threads: str = ""
    events: list[str] = field(default_factory=list)
    log_lines: list[str] = field(default_factory=list)

    def exit_status(self) -> int:
        """This process's exit status."""
        if self.kind == "exit":
            return STATUS_TROUBLE if self.fsck else self.status
        if self.kind == "signal":
            return STATUS_TROUBLE if self.fsck else 128 + self.signal
        return {"left": 0, "panic": STATUS_PANIC, "hang": STATUS_HANG}.get(self.kind, STATUS_TROUBLE)

    def as_json(self) -> dict:
        """What --stats writes."""
        result: dict = dict(self.stats)
        result.update(outcome=self.kind, status=self.status, signal=self.signal, text=self.text)
        result["seconds"] = round(self.seconds, 3)
        if self.fsck is not None:
            result["fsck"] = self.fsck
        return result


def number_of(word: str, base: int = 0) -> int | None:
    """The number that a record's word stands for; None: it is none, as the kernel died while it wrote."""
    try:
        return int(word, base)
    except ValueError:
        return None


def read_end(words: list[str], outcome: Outcome) -> bool:
    """Takes over "@exit status N" or "@exit signal N"; False: it is neither."""
    value = number_of(words[2])
    if words[1] not in ("status", "signal") or value is None or not 0 <= value <= (255 if words[1] == "status" else 64):
        return False
    setattr(outcome, words[1], value)
    return True


def read_records(log: pathlib.Path, outcome: Outcome) -> None:
    """Completes an outcome, so far known from QEMU's side only, from the log.

    A machine that ended without a word, or left by reset, did not end well: no record, no success.
    """
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    ended = False
    for line in lines:
        words = line.split()
        if line.startswith("@stat ") and len(words) == 3:
            value = number_of(words[2])
            if value is not None:
                outcome.stats[words[1]] = value
        elif line.startswith("@exit ") and len(words) == 3:
            ended = read_end(words, outcome) or ended
        elif line.startswith("@panic"):
            outcome.kind = "panic"
            outcome.text = line[len("@panic "):]
        elif line.startswith("@reg ") and len(words) == 3:
            outcome.registers.append((words[1], words[2]))
        elif line.startswith("@event "):
            outcome.events.append(line[len("@event "):])
        elif line.startswith("@frame ") and len(words) >= 2:
            address = number_of(words[1], 16)
            if address is not None:
                outcome.frames.append(address)
        elif not line.startswith("@"):
            outcome.log_lines.append(line)
    if outcome.kind == "exit" and outcome.signal:
        outcome.kind = "signal"
    elif outcome.kind == "exit" and not ended:
        outcome.kind = "qemu"
        outcome.text = outcome.text or "the kernel ended without an @exit record"
