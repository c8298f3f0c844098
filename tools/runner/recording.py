"""Recordings: a run written down by QEMU so that it can be replayed to the instruction, forwards and backwards.

A recording is a directory that can be moved and kept: recording.json (the options of the run and how it
ended), faultline.elf and programs/ (what ran, whatever is built later), disk.img (as it was before), and QEMU's
events and overlay of the disk. QEMU runs inside it and names its files without directories, because the
kernel's file name is part of the guest's memory.

The processor counts instructions (-icount), so everything that comes from outside has its place between two of
them. A snapshot of the start lies in the overlay; gdb goes backwards by going there and forwards again. Without
apic.vapic=off replay may deadlock (QEMU 7.2).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess

from .outcome import Trouble

EVENTS, OVERLAY, DISK, KERNEL, ABOUT = "events", "overlay.qcow2", "disk.img", "faultline.elf", "recording.json"
FAULTS = "faults.cfg"  # of --disk-fault, if any
PARTS = (EVENTS, OVERLAY, DISK, KERNEL, ABOUT, FAULTS)
KEPT = ("mem", "frames", "append", "cpu", "command", "stdin", "shared")  # options that must be the same


class Recording:
    """One recording, being made or replayed."""

    def __init__(self, place: str, replay: bool):
        self.place, self.replay = pathlib.Path(place).absolute(), replay
        if replay and not (self.place / ABOUT).is_file():
            raise Trouble(f"no recording: {place}")
        # A replay writes, too: to a copy, so that the recording stays as it is and may be replayed side by side.
        self.overlay = f"replay-{os.getpid()}.qcow2" if replay else OVERLAY

    def restore_options(self, options: argparse.Namespace) -> None:
        """Replay: the options are those of the recorded run."""
        about = json.loads((self.place / ABOUT).read_text(encoding="utf-8"))
        for name in KEPT:
            setattr(options, name, about[name])

    def prepare(self, root: pathlib.Path, options: argparse.Namespace) -> None:
        """Record: the directory, empty but for what the run needs. What another recording left there goes."""
        if shutil.which("qemu-img") is None:
            raise Trouble("no qemu-img (package qemu-utils): make setup")
        if self.place.exists() and any(self.place.iterdir()) and not (self.place / ABOUT).exists():
            raise Trouble(f"{self.place} is not empty, and no recording")
        self.remove()
        (self.place / "programs").mkdir(parents=True)
        for program in (root / "build/user").iterdir():
            if program.is_file():
                link_or_copy(program, self.place / "programs" / program.name)
        self.describe({name: getattr(options, name) for name in KEPT})

    def describe(self, about: dict) -> None:
        """Adds to recording.json."""
        path = self.place / ABOUT
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**known, **about}, indent=1) + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Deletes the recording and nothing else that may lie there."""
        for name in PARTS:
            (self.place / name).unlink(missing_ok=True)
        shutil.rmtree(self.place / "programs", ignore_errors=True)
        try:
            self.place.rmdir()
        except OSError:  # not there, or something else lies in it
            pass

    def take_disk(self, image: pathlib.Path) -> None:
        """Record: the disk as it is now, and an overlay that takes what the run writes."""
        subprocess.run(["cp", "--sparse=always", str(image), str(self.place / DISK)], check=True)
        self._qemu_img("create", "-q", "-f", "qcow2", "-F", "raw", "-b", DISK, OVERLAY)

    def give_disk(self, image: pathlib.Path) -> None:
        """The disk as the recorded run left it."""
        self._qemu_img("convert", "-q", "-O", "raw", OVERLAY, str(image))

    def _qemu_img(self, *arguments: str) -> None:
        done = subprocess.run(["qemu-img", *arguments], cwd=self.place, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"qemu-img {arguments[0]}: {done.stderr.strip()}")

    def begin_replay(self) -> None:
        """Replay: an overlay of its own."""
        shutil.copyfile(self.place / OVERLAY, self.place / self.overlay)

    def end_replay(self) -> None:
        """Removes it again."""
        if self.replay:
            (self.place / self.overlay).unlink(missing_ok=True)

    def set_faults(self, rules: str) -> None:
        """Record: the disk fails by these rules of blkdebug, in the replay too."""
        (self.place / FAULTS).write_text(rules, encoding="utf-8")

    def backwards(self) -> bool:
        """Can gdb go backwards in the replay?"""
        return self.replay and not (self.place / FAULTS).exists()

    def arguments(self, iops: int | None = None) -> list[str]:
        """QEMU's options for the processor's clock and the disk, of so many requests a second.

        What makes the disk slow or fail lies below blkreplay, which notes when each request is done: a replay
        need not wait, but a request that failed must fail again. QEMU 7.2 cannot load a snapshot through blkdebug (it
        crashes), so a recording of a failing disk has none, and gdb goes forwards alone.
        """
        mode = "replay" if self.replay else "record"
        snapshot = ",rrsnapshot=init"
        options, below = ["-drive", f"file={self.overlay},if=none,id=overlay"], "overlay"
        if iops and not self.replay:
            slow = json.dumps({"driver": "throttle", "throttle-group": "slow", "file": below}).replace(",", ",,")
            options += ["-object", f"throttle-group,id=slow,x-iops-total={iops}",
                        "-drive", f"file=json:{slow},if=none,id=slowed"]
            below = "slowed"
        if (self.place / FAULTS).exists():
            options += ["-drive", f"driver=blkdebug,if=none,config={FAULTS},image={below},id=failing"]
            below, snapshot = "failing", ""
        return [
            "-icount", f"shift=auto,rr={mode},rrfile={EVENTS}{snapshot}",
            "-global", "apic.vapic=off",
            *options,
            "-drive", f"driver=blkreplay,if=none,image={below},id=disk",
            "-device", "ide-hd,drive=disk,bus=ide.0,unit=0,werror=report,rerror=report",
        ]

    def programs(self) -> dict[str, str]:
        """Where the guest's programs are here, by their paths there."""
        directory = self.place / "programs"
        return {f"{where}/{path.name}": str(path) for path in sorted(directory.iterdir()) for where in
                ("/bin", "/sbin")} if directory.is_dir() else {}


def link_or_copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """A second name for a file that the build replaces and never changes; a copy on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
