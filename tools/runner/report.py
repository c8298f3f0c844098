"""What is said on stderr about a run that did not end well: last words, registers, backtrace."""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

from .outcome import Outcome

LAST_LINES = 30
KERNEL_BASE = 0xC0000000
ADDR2LINE = ("addr2line", "i686-linux-gnu-addr2line")


def symbolise(program: pathlib.Path, addresses: list[int]) -> list[str]:
    """"function at file:line" for each address of @program; "??" where nothing is known."""
    tool = next((name for name in ADDR2LINE if shutil.which(name)), None)
    if tool is None or not program.exists() or not addresses:
        return ["??"] * len(addresses)
    done = subprocess.run(
        [tool, "-e", str(program), "-f", "-s", *(f"{address:#x}" for address in addresses)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if len(lines) != 2 * len(addresses):
        return ["??"] * len(addresses)
    places = zip(lines[0::2], lines[1::2])
    return [f"{name} at {place.split(' ')[0]}" if name != "??" else "??" for name, place in places]


def backtrace(
    root: pathlib.Path, elf: pathlib.Path, command: list[str], frames: list[int]
) -> list[str]:
    """One line a frame. A return address lies behind its call, maybe in the next line: look before it."""
    user = root / "build/user" / (pathlib.PurePosixPath(command[0]).name if command else "sh")
    looked_up = [address - (1 if level else 0) for level, address in enumerate(frames)]
    kernel = symbolise(elf, [a for a in looked_up if a >= KERNEL_BASE])
    program = symbolise(user, [a for a in looked_up if a < KERNEL_BASE])
    lines = []
    for level, address in enumerate(frames):
        place = kernel.pop(0) if looked_up[level] >= KERNEL_BASE else f"user: {program.pop(0)}"
        lines.append(f"  #{level:<2} {address:08x} {place}")
    return lines


def register_lines(registers: list[tuple[str, str]]) -> list[str]:
    """Four registers a line."""
    shown = [f"{name.lower()}={value}" for name, value in registers]
    return ["  " + " ".join(shown[i:i + 4]) for i in range(0, len(shown), 4)]


def complain(options: argparse.Namespace, outcome: Outcome) -> None:
    """What the kernel did not understand of what it was told, without a look into the log (-v)."""
    for line in outcome.log_lines:
        said = re.sub(r"^\[ *[0-9.]+\] ", "", line)
        if said.startswith(("boot word: ", "init: cannot ")) and not options.verbose:
            sys.stderr.write(f"guest: {said}\n")


def explain(
    root: pathlib.Path, elf: pathlib.Path, options: argparse.Namespace, outcome: Outcome
) -> None:
    """Says what went wrong with the kernel @elf, if something did."""
    complain(options, outcome)
    if outcome.kind in ("exit", "signal", "left"):
        return
    title = {"panic": "kernel panic", "hang": "hang", "qemu": "no run"}[outcome.kind]
    lines = [f"guest: {title}: {outcome.text}"]
    if outcome.log_lines and not options.verbose:
        lines += ["guest: the kernel's last words:"]
        lines += ["  " + line for line in outcome.log_lines[-LAST_LINES:]]
    if outcome.registers:
        lines += ["guest: registers:"] + register_lines(outcome.registers)
    if outcome.frames:
        lines += ["guest: backtrace:"] + backtrace(root, elf, options.command, outcome.frames)
    if outcome.events:
        lines += ["guest: the thread's last events:"] + ["  " + event for event in outcome.events]
    if outcome.threads:
        lines += ["guest: all threads:"] + ["  " + line for line in outcome.threads.splitlines()]
    sys.stdout.flush()
    sys.stderr.write("\n".join(lines) + "\n")
