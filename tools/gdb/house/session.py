"""The session: where guest, console and log are, and which file on this machine is a program of the guest's.

The runner writes a description beside the stub's socket (SOCKET.json): the kernel that was booted, the log,
the files added to the disk.
"""

import json
import os
import pathlib

import gdb

from . import kernel
from .command import VmCommand, matching, number
from .elf import Program, load
from .memory import View

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
SESSION = os.environ.get("FAULTLINE_SESSION", "")
PLACES = ("build/user", "build/real/bin", "build/real")


def description() -> dict:
    """What the runner says about this guest; {} if it says nothing."""
    path = pathlib.Path(os.environ.get("FAULTLINE_STUB", "") + ".json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def file_of(guest_path: str) -> pathlib.Path | None:
    """The file here that was put on the guest's disk at @guest_path, or under that name."""
    added, name = description().get("programs", {}), pathlib.PurePosixPath(guest_path).name
    known = [added[guest_path]] if guest_path in added else []
    if "/" not in guest_path:  # a name alone: wherever it lies
        known += [path for place, path in added.items() if pathlib.PurePosixPath(place).name == name]
    candidates = [pathlib.Path(path) for path in known]
    candidates += [ROOT / place / name for place in PLACES]
    return next((path for path in candidates if path.is_file()), None)


def program_of(process: View) -> tuple[Program, int] | None:
    """The program a process runs, and the bias it is loaded at; None where no file here is known."""
    if not process["executable_path"] or not process.follow("space"):
        return None
    path = file_of(process.text("executable_path"))
    program = load(path) if path else None
    if not program:
        return None
    start = process.follow("space")["code_start"]
    bias = (start & ~0xFFF) - (program.code_start & ~0xFFF) if program.movable else 0
    return program, bias


# --- symbols follow the process ---------------------------------------------------------------------------

class Follower:
    """Keeps the symbols of the running process's program, and no other's, in gdb."""

    def __init__(self):
        self.loaded: tuple[pathlib.Path, int] | None = None
        self.kept: set[pathlib.Path] = set()  # by add-user: stay
        gdb.events.stop.connect(self.stopped)

    def stopped(self, _event=None) -> None:
        """The machine has stopped, perhaps in another process or after exec."""
        try:
            process = kernel.current_process()
            wanted = program_of(process) if process else None
        except (gdb.error, kernel.Absent):
            return
        if process and not wanted and self.loaded is None:
            return
        if wanted:
            self.show(wanted[0].path, wanted[1])

    def show(self, path: pathlib.Path, bias: int) -> None:
        """Makes these the program symbols."""
        if self.loaded == (path, bias) or path in self.kept:
            return
        self.drop()
        place = f" -o {bias:#x}" if bias else ""
        gdb.execute(f'add-symbol-file "{path}"{place}', False, True)
        self.loaded = (path, bias)

    def drop(self) -> None:
        """Takes the program's symbols out again."""
        if not self.loaded:
            return
        path, _ = self.loaded
        self.loaded = None
        objfile = next((o for o in gdb.objfiles() if o.filename and pathlib.Path(o.filename) == path.resolve()), None)
        text = objfile.lookup_global_symbol("main") if objfile else None
        try:
            if text is not None:
                gdb.execute(f"remove-symbol-file -a {int(text.value().address):#x}", False, True)
            else:
                self._drop_by_section(path)
        except gdb.error:
            self._drop_by_section(path)

    @staticmethod
    def _drop_by_section(path: pathlib.Path) -> None:
        program = load(path)
        if program and ".text" in program.sections:
            try:
                gdb.execute(f"remove-symbol-file -a {program.sections['.text'][0]:#x}", False, True)
            except gdb.error:
                pass


FOLLOWER = Follower()


class AddUser(gdb.Command):
    """add-user PROGRAM: loads the symbols of build/user/PROGRAM (or of a file) and keeps them.

The program of the running process is known anyway. This is for breakpoints in one that does not run yet;
`break-user` does the same and stops in that program alone."""

    def __init__(self):
        super().__init__("add-user", gdb.COMMAND_FILES)

    def complete(self, text: str, word: str):
        return program_names(word)

    def invoke(self, argument: str, from_tty: bool):
        path = find_program(argument.strip())
        FOLLOWER.drop()
        FOLLOWER.kept.add(path)
        gdb.execute(f'add-symbol-file "{path}"', from_tty, not from_tty)


def program_names(word: str | None) -> list[str]:
    """Completion: the programs that were built."""
    return matching(sorted(path.name for path in (ROOT / "build/user").iterdir() if path.is_file()), word)


def find_program(name: str) -> pathlib.Path:
    """The file of a program of that name, or at that path."""
    path = pathlib.Path(name) if "/" in name else file_of(name)
    if not name or not path or not path.is_file():
        raise gdb.GdbError(f"{name or 'PROGRAM'}: one of build/user is wanted, or a file")
    return path


# --- the console and the log ------------------------------------------------------------------------------

class Tail(VmCommand):
    """Base: the last lines of a file of the session."""

    arguments = (0, 1)

    def path(self) -> pathlib.Path:
        if not SESSION:
            raise gdb.GdbError("only in a session of `make gdb`")
        return pathlib.Path(SESSION) / self.name

    def collect(self, words: list[str]) -> dict:
        lines = self.path().read_bytes().decode(errors="replace").splitlines()
        return {"lines": lines[-(number(words[0]) if words else 20):]}

    def show(self, data: dict) -> None:
        print("\n".join(data["lines"]))


class Log(Tail):
    """vm log [N]: the last lines of the kernel log."""

    name = "log"

    def path(self) -> pathlib.Path:
        log = description().get("log")
        return pathlib.Path(log) if log else super().path()


class Console(Tail):
    """vm console [N]: the last lines of the console."""

    name = "console"


class Type(VmCommand):
    """vm type TEXT: types a line on the console; continue, then look with `vm console`."""

    name = "type"
    arguments = (0, 999)

    def answer(self, argument: str, as_json: bool) -> None:
        if not SESSION:
            raise gdb.GdbError("only in a session of `make gdb`")
        descriptor = os.open(pathlib.Path(SESSION) / "keyboard", os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, argument.encode() + b"\n")
        os.close(descriptor)
