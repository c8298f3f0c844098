"""One QEMU: its command line, its console, its end, and a look inside when it hangs."""

import argparse
import json
import os
import pathlib
import random
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from . import places
from .disk import tool_environment
from .outcome import Outcome, Trouble, QEMU_KERNEL_DONE, QEMU_KERNEL_PANIC
from .patience import Patience, slowness
from .recording import KERNEL, Recording, link_or_copy
from .trace import Drain, SharedMemory, size_in_bytes
from .words import boot_words, kernel_line

KERNEL_BASE = 0xC0000000
DEEPEST_BACKTRACE = 32
TRIAL_SECONDS = 8


def comma(path: pathlib.Path | str) -> str:
    """A path inside one of QEMU's comma-separated options."""
    return str(path).replace(",", ",,")


def choose_accelerator(root: pathlib.Path) -> str:
    """kvm if it runs this kernel up to a program's end, else tcg. Tried once; build/cache remembers.

    That /dev/kvm opens says little: nested virtualisation often cannot run 32-bit guests.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    verdict = root / "build/cache/accelerator"
    if verdict.exists():
        return verdict.read_text(encoding="ascii").strip()
    trial = [str(root / "tools/guest"), "--accel", "kvm", "--timeout", str(TRIAL_SECONDS), "--", "echo"]
    if subprocess.run(trial, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0:
        choice = "kvm"
    else:
        choice = "tcg"
    verdict.write_text(choice + "\n", encoding="ascii")
    return choice


def choose_display() -> str:
    """A window for the VGA screen where there is a desktop and QEMU can draw on it, else none."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return "none"
    known = subprocess.run(
        ["qemu-system-i386", "-display", "help"], capture_output=True, text=True, check=False
    ).stdout.split()
    return next((kind for kind in ("gtk", "sdl") if kind in known), "none")


def keep_kernel(root: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """The run's own name for the kernel, so that a build meanwhile changes neither it nor its symbols."""
    kernel, own = root / "build/faultline.elf", work / "faultline.elf"
    try:
        os.link(kernel, own)
    except FileNotFoundError:
        raise Trouble("nothing to run: no build/faultline.elf (make)") from None
    except OSError:  # another file system
        shutil.copyfile(kernel, own)
    return own


FAULT = re.compile(r"(read|write):((?:(?:inode|map):)?[^:]+)(?::(\d+)%)?(?::(once|x\d+))?")
FAULT_STEP = 8  # sectors: one rule a page, as QEMU looks through all of them at each transfer


def fault_rules(faults: list[str], image: pathlib.Path) -> str:
    """QEMU's blkdebug rules for --disk-fault: every transfer that covers one of the sectors fails (EIO)."""
    rules = []
    for fault in faults:
        match = FAULT.fullmatch(fault)
        if not match:
            raise Trouble(f"--disk-fault {fault}: not read|write:PLACE[:N%][:once|:xN]")
        kind, place, percent, times = match.groups()
        sectors = places.sectors(place, image, tool_environment())[::FAULT_STEP]
        if percent:  # the same ones in every run
            sectors = random.Random(fault).sample(sectors, max(1, len(sectors) * int(percent) // 100))
        if not sectors:
            raise Trouble(f"--disk-fault {fault}: there is no such sector")
        count = int((times or "once").removeprefix("x").replace("once", "1"))
        for sector in sectors:
            rules += [f'[inject-error]\nevent = "none"\niotype = "{kind}"\nerrno = "5"\n'
                      f'sector = "{sector}"\n' + ('once = "on"\n' if times else "")] * count
    return "\n".join(rules)


def logged_drive(image: pathlib.Path, log: pathlib.Path) -> str:
    """A drive whose writes and flushes are logged in their order. The flushes go no further than the log."""
    log.write_bytes(b"")
    parts = [("file", image), ("log", log)]
    nodes = [f"{node}.driver=raw,{node}.cache.no-flush=on,{node}.file.driver=file,{node}.file.filename={comma(path)}"
             for node, path in parts]
    return f"driver=blklogwrites,{','.join(nodes)},log-sector-size=512,if=ide,index=0,media=disk,cache=writeback"


class Qmp:
    """QEMU's machine protocol, as far as it is needed: human monitor commands."""

    def __init__(self, path: pathlib.Path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self._call("qmp_capabilities")

    def _call(self, command: str, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            reply = json.loads(self.stream.readline())
            if "return" in reply or "error" in reply:  # and not an event
                return reply.get("return")

    def monitor(self, line: str) -> str:
        """What the monitor answers to @line."""
        return self._call("human-monitor-command", **{"command-line": line}) or ""


class Machine:
    """A guest that runs once."""

    def __init__(self, root: pathlib.Path, options: argparse.Namespace, image: pathlib.Path,
                 log: pathlib.Path, work: pathlib.Path):
        self.root, self.options, self.image, self.log, self.work = root, options, image, log, work
        self.errors, self.resets = work / "qemu.err", work / "resets"
        self.memory: SharedMemory | None = None
        if options.trace or options.ram or options.shared:
            link = pathlib.Path(options.ram).absolute() if options.ram else None
            self.memory = SharedMemory(size_in_bytes(options.mem), link)
        self.recording: Recording | None = options.recording
        if self.recording and self.recording.replay:
            self.kernel = work / KERNEL
            link_or_copy(self.recording.place / KERNEL, self.kernel)
        else:
            self.kernel = keep_kernel(root, work)
        if self.recording and not self.recording.replay:
            link_or_copy(self.kernel, self.recording.place / KERNEL)
            self.recording.take_disk(image)
        self.console_text = b""
        self.connection: Qmp | None = None

    def command(self) -> list[str]:
        """The whole of QEMU's command line."""
        options = self.options
        accelerator = choose_accelerator(self.root) if options.accel == "auto" else options.accel
        accelerator = "tcg" if self.recording else accelerator
        display = options.display or (choose_display() if options.interactive else "none")
        file = comma(self.image)
        if options.disk_fault and self.recording:
            self.recording.set_faults(fault_rules(options.disk_fault, self.image))
        elif options.disk_fault:
            rules = self.work / "faults.cfg"
            rules.write_text(fault_rules(options.disk_fault, self.image), encoding="utf-8")
            # Without these two QEMU would stop the machine instead of telling it.
            file = f"blkdebug:{comma(rules)}:{comma(self.image)},werror=report,rerror=report"
        drive = f"file={file},format=raw,if=ide,index=0,media=disk,cache=unsafe"
        if options.disk_log and options.disk_fault:
            raise Trouble("--disk-log does not go with --disk-fault")
        if options.disk_log:
            drive = logged_drive(self.image, pathlib.Path(options.disk_log).absolute())
        if options.iops:
            drive += f",throttling.iops-total={options.iops}"
        machine = "pc,memory-backend=ram" if self.memory else "pc"
        command = ["qemu-system-i386", "-machine", machine, "-accel", accelerator, "-cpu", options.cpu]
        command += self.memory.arguments() if self.memory else []
        command += ["-m", options.mem, "-display", display, "-nic", "none", "-no-reboot"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        command += self.recording.arguments(options.iops) if self.recording else ["-drive", drive]
        command += ["-qmp", f"unix:{comma(self.work / 'qmp')},server=on,wait=off"]
        if options.interactive:
            command += ["-serial", "mon:stdio"]
        else:
            command += ["-monitor", "none", "-chardev", "stdio,id=console,signal=off"]
            command += ["-serial", "chardev:console"]
        command += ["-chardev", f"file,id=log,path={comma(self.log)}", "-serial", "chardev:log"]
        if options.direct:
            kernel = KERNEL if self.recording else str(self.kernel)
            command += ["-kernel", kernel, "-append", kernel_line(boot_words(options))]
        if options.gdb or options.stub:
            command += (["-S"] if options.gdb else []) + ["-gdb", self._stub()]
        # Where a triple fault is noted. Those of options.qemu_args, if any, count instead.
        command += ["-d", "cpu_reset", "-D", str(self.resets)]
        for arguments in options.qemu_args:
            command += shlex.split(arguments)
        if shutil.which("setpriv"):  # a killed runner takes its QEMU along
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        return command

    def _stub(self) -> str:
        """The stub's socket for gdb, and beside it, in SOCKET.json, what tools/gdb must know of this guest."""
        stub = pathlib.Path(self.options.gdb or self.options.stub).absolute()
        programs = self.recording.programs() if self.recording else {}
        for host, guest in self.options.additions:
            files = [path for path in host.rglob("*") if path.is_file()] if host.is_dir() else [host]
            for path in files:
                inside = path.relative_to(host).as_posix() if host.is_dir() else ""
                programs["/".join(filter(None, (guest.rstrip("/"), inside)))] = str(path.absolute())
        about = {"kernel": str(self.kernel), "log": str(self.log), "disk": str(self.image), "programs": programs,
                 "backwards": bool(self.recording and self.recording.backwards())}
        pathlib.Path(f"{stub}.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        return f"unix:{comma(stub)},server=on,wait=off"

    def run(self) -> Outcome:
        """Starts QEMU and stays until it ends or the time is over."""
        if shutil.which("qemu-system-i386") is None:
            raise Trouble("no qemu-system-i386 (package qemu-system-x86): make setup")
        command = self.command()
        if self.options.verbose:
            sys.stderr.write(f"guest: {shlex.join(command)}\n")
        drain = Drain(self.memory, pathlib.Path(self.options.trace)) if self.options.trace else None
        try:
            outcome = self._run(command)
            if drain:
                drain.stop()
        finally:
            if self.memory:
                self.memory.close()
        return outcome

    def _run(self, command: list[str]) -> Outcome:
        self.log.unlink(missing_ok=True)  # what an earlier run said is not waited for
        with open(self.errors, "wb") as errors:
            started = time.monotonic()
            if self.options.interactive:
                outcome = self._session(command)
            else:
                outcome = self._job(command, errors)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _directory(self) -> pathlib.Path | None:
        """Where QEMU runs: a recording names its files without directories."""
        return self.recording.place if self.recording else None

    def _session(self, command: list[str]) -> Outcome:
        """A terminal session: QEMU has our terminal, and puts it right again when it ends."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with subprocess.Popen(command, cwd=self._directory()) as qemu:
                try:
                    status = qemu.wait(self.options.timeout * slowness() or None)
                except subprocess.TimeoutExpired:
                    outcome = self._look_inside()
                    qemu.kill()
                    return outcome
                except BaseException:
                    qemu.terminate()
                    raise
        finally:
            signal.signal(signal.SIGINT, before)
        if status == 0 and not self._log_has(b"\n@exit ", b"\n@panic"):
            return Outcome("left")  # Ctrl-A x
        return self._ended(status)

    def _job(self, command: list[str], errors) -> Outcome:
        """A command: its output is passed on as it comes."""
        stdin = subprocess.PIPE if self.options.stdin else subprocess.DEVNULL
        with subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, cwd=self._directory()
        ) as qemu:
            follower = LogFollower(self.log) if self.options.verbose else None
            if self.options.when:
                threading.Thread(target=self._watch, daemon=True).start()
            try:
                if self.options.stdin:
                    threading.Thread(target=self._feed, args=(qemu.stdin,), daemon=True).start()
                if not self._pass_output(qemu):
                    return self._look_inside()
                return self._ended(qemu.wait())
            finally:
                if self.recording:
                    end_gently(qemu)
                qemu.kill()
                if follower:
                    follower.stop()

    def _watch(self) -> None:
        """For --when: as each text appears on the console or in the log, the monitor gets its command."""
        waiting = list(self.options.when)
        while waiting:
            time.sleep(0.01)
            for text, command in [pair for pair in waiting if self._said(pair[0])]:
                waiting.remove((text, command))
                try:
                    answer = self._qmp().monitor(command)
                except (OSError, ValueError) as error:
                    answer = f"QEMU does not answer: {error}"
                if answer:
                    sys.stderr.write(f"guest: --when {text}={command}: {answer.strip()}\n")

    def _qmp(self) -> Qmp:
        """The one connection that QEMU takes."""
        if self.connection is None:
            self.connection = Qmp(self.work / "qmp")
        return self.connection

    def _said(self, text: str) -> bool:
        needle = text.encode()
        return needle in self.console_text or (self.log.exists() and needle in self.log.read_bytes())

    def _feed(self, console) -> None:
        """Passes our standard input to the console until either ends.

        Not before the kernel listens: with input waiting it would have to do without the port's FIFO.
        """
        while not self._log_has(b"] terminal: "):
            time.sleep(0.02)
        try:
            while data := os.read(0, 4096):
                console.write(data)
                console.flush()
        except (OSError, ValueError):
            pass

    def _pass_output(self, qemu: subprocess.Popen) -> bool:
        """Copies the console to stdout. False: the time was over before the machine ended."""
        patience = Patience(self.options.timeout, qemu.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(qemu.stdout, selectors.EVENT_READ)
            while True:
                left = patience.left()
                if left is not None and left <= 0:
                    return False
                if selector.select(left):
                    data = os.read(qemu.stdout.fileno(), 65536)
                    if not data:
                        return True
                    if self.options.when:
                        self.console_text += data
                    write_all(1, data)

    def _log_has(self, *needles: bytes) -> bool:
        try:
            text = b"\n" + self.log.read_bytes()
        except FileNotFoundError:
            return False
        return any(needle in text for needle in needles)

    def _ended(self, status: int) -> Outcome:
        """What QEMU's exit status says, and the log. 0 is a reset, or a signal from outside, as well."""
        said = self.errors.read_text(encoding="utf-8", errors="replace").strip()
        if status == QEMU_KERNEL_DONE:
            return Outcome("exit")
        if status == QEMU_KERNEL_PANIC:
            return Outcome("panic", text="no text")
        if status == 0:
            if self._log_has(b"\n@exit "):
                return Outcome("exit")
            if "terminating on signal" in said:
                return Outcome("qemu", text=f"QEMU was ended from outside: {said}")
            triple = self.resets.exists() and b"Triple fault" in self.resets.read_bytes()
            return Outcome("panic", text=f"the machine reset itself: {'a triple fault' if triple else 'no fault'}")
        return Outcome("qemu", text=f"QEMU ended with status {status}: {said or 'it said nothing'}")

    def _look_inside(self) -> Outcome:
        """The time is over: registers and a backtrace of what runs, and of every thread if gdb is here."""
        outcome = Outcome("hang", text=f"nothing ended within {self.options.timeout * slowness():g} s")
        try:
            monitor = self._qmp()
            monitor.monitor("stop")
            text = monitor.monitor("info registers")
            outcome.registers = re.findall(r"\b(E[A-Z]{2}|CR[0-4])=([0-9a-f]{8})\b", text)
            if "HLT=1" in text:
                outcome.text += ", all threads are asleep"
            elif "CPL=3" in text:
                outcome.text += ", a program is running"
            outcome.frames = walk(monitor, dict(outcome.registers))
            outcome.threads = self._all_threads(monitor)
        except (OSError, ValueError) as error:
            outcome.text += f" (and QEMU does not answer: {error})"
        return outcome

    def _all_threads(self, monitor: Qmp) -> str:
        """The backtrace of every kernel thread, by gdb and tools/gdb; "" without gdb."""
        if shutil.which("gdb") is None:
            return ""
        stub = self.work / "gdb"
        monitor.monitor(f"gdbserver unix:{stub},server=on,wait=off")
        script = ["set pagination off", "set confirm off", "set architecture i386",
                  f"target remote {stub}", "source tools/gdb/faultline.py", "vm threads"]
        command = ["gdb", "-nx", "-batch", str(self.kernel)]
        for line in script:
            command += ["-ex", line]
        try:
            done = subprocess.run(command, cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=20, check=False)
        except subprocess.TimeoutExpired:
            return ""
        start = done.stdout.find("thread ")
        return done.stdout[start:].partition("[Inferior")[0].rstrip() if start >= 0 else ""


def walk(monitor: Qmp, registers: dict[str, str]) -> list[int]:
    """The return addresses up the chain of frame pointers, innermost first."""
    frames = [int(registers["EIP"], 16)]
    pointer = int(registers["EBP"], 16)
    while pointer >= KERNEL_BASE and pointer % 4 == 0 and len(frames) < DEEPEST_BACKTRACE:
        words = re.findall(r"0x([0-9a-f]{8})\b", monitor.monitor(f"x /2wx {pointer:#x}").partition(":")[2])
        if len(words) != 2 or int(words[1], 16) == 0:
            break
        frames.append(int(words[1], 16))
        if int(words[0], 16) <= pointer:
            break
        pointer = int(words[0], 16)
    return frames


def end_gently(qemu: subprocess.Popen) -> None:
    """Lets QEMU write the end of its recording; after a hang it has not ended by itself."""
    qemu.terminate()
    try:
        qemu.wait(10)
    except subprocess.TimeoutExpired:
        pass


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of @data. A reader that went away ends us, as it would any program."""
    while data:
        try:
            data = data[os.write(descriptor, data):]
        except BrokenPipeError:
            sys.exit(128 + signal.SIGPIPE)
        except BlockingIOError:
            time.sleep(0.005)  # somebody made our stdout non-blocking


class LogFollower:
    """Prints the kernel's log on stderr while it grows."""

    def __init__(self, log: pathlib.Path):
        self.log, self.over = log, threading.Event()
        self.log.unlink(missing_ok=True)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        position = 0
        while True:
            last = self.over.wait(0.1)
            if self.log.exists():
                with open(self.log, "rb") as log:
                    log.seek(position)
                    data = log.read()
                position += len(data)
                os.write(2, data)
            if last:
                return

    def stop(self) -> None:
        """Prints what is left."""
        self.over.set()
        self.thread.join()
