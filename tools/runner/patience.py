"""How long a machine is waited for.

A time limit is meant for a machine that stands still, not for one that others keep from running. So the seconds count
in which QEMU had a processor or wanted none: what Linux says that its threads waited for a processor
(/proc/PID/task/TID/schedstat) does not. Threads may have waited side by side, so there is an end to that, too.
FAULTLINE_SLOW=N makes all limits N times as long, for slow processors; tests/run sets it from a measurement.
"""

import os
import pathlib
import time

MOST = 8  # times the limit, whatever the threads have waited


def slowness() -> float:
    """The factor in the environment; 1 if there is none, or none that makes sense."""
    try:
        factor = float(os.environ.get("FAULTLINE_SLOW", "1"))
    except ValueError:
        return 1.0
    return min(factor, 100.0) if factor > 1 else 1.0


class Patience:
    """A time limit for process @pid of so many seconds; 0: none."""

    def __init__(self, seconds: float, pid: int):
        self.limit = seconds * slowness()
        self.tasks = pathlib.Path(f"/proc/{pid}/task")
        self.began = time.monotonic()
        self.kept_waiting: dict[str, float] = {}  # by thread; one that has ended keeps its last

    def left(self) -> float | None:
        """Seconds until the next look at the clock; None: no limit. 0 or less: it is over."""
        if not self.limit:
            return None
        if self._end() <= time.monotonic():
            self._ask()
        return self._end() - time.monotonic()

    def _end(self) -> float:
        return self.began + min(self.limit + sum(self.kept_waiting.values()), MOST * self.limit)

    def _ask(self) -> None:
        for file in self.tasks.glob("*/schedstat"):
            try:
                self.kept_waiting[file.parent.name] = int(file.read_text(encoding="ascii").split()[1]) / 1e9
            except (OSError, ValueError, IndexError):  # the thread has ended; a kernel without these figures
                continue
