"""Boot to shell: the time from QEMU's start to the prompt on the console."""

import os
import pathlib
import select
import shutil
import statistics
import subprocess
import tempfile
import time

from guests import BUILD, MACHINE_CPU, ROOT, Failure

PROMPT = b"$ "
GREETING = b"Faultline."
LIMIT = 30  # seconds


def seconds_to_prompt(disk: pathlib.Path, direct: bool) -> float:
    """One boot; QEMU is killed at the prompt."""
    command = ["qemu-system-i386", "-accel", "tcg", "-machine", "pc", "-cpu", MACHINE_CPU, "-m", "32M"]
    command += ["-display", "none", "-nic", "none", "-no-reboot", "-monitor", "none", "-serial", "stdio"]
    command += ["-drive", f"file={disk},format=raw,if=ide,index=0,cache=unsafe"]
    if direct:
        command += ["-kernel", str(ROOT / "build/faultline.elf")]
    started = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        try:
            output = b""
            while GREETING not in output or not output.endswith(PROMPT):
                left = started + LIMIT - time.monotonic()
                if left <= 0 or not select.select([qemu.stdout], [], [], left)[0]:
                    raise Failure("boot: no prompt")
                data = os.read(qemu.stdout.fileno(), 4096)
                if not data:
                    raise Failure("boot: QEMU ended")
                output += data
            return time.monotonic() - started
        finally:
            qemu.kill()


def measure(rounds: int) -> dict[str, float]:
    """Medians in seconds, by way of loading."""
    result = {}
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        for name, direct in (("direct", True), ("grub", False)):
            times = []
            for _ in range(rounds):
                disk = pathlib.Path(scratch) / "disk.img"
                shutil.copy(ROOT / "build/faultline.img", disk)
                times.append(seconds_to_prompt(disk, direct))
            result[name] = statistics.median(times)
            result[name + "_least"] = min(times)
    return result


def report(result: dict[str, float]) -> None:
    """Two lines under the table."""
    for name in ("direct", "grub"):
        print(f"boot to shell, {name:8}{result[name]:8.2f} s (least {result[name + '_least']:.2f} s)", flush=True)
