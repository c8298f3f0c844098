"""What all `vm` commands share: arguments, completion, and one record behind both forms of the answer.

A command collects a record (a dict) and shows it as text; `vm -json NAME …` prints the record itself, one
line of JSON, for scripts and tests. So the two never say different things.
"""

import json

import gdb

from . import kernel, memory
from .memory import Absent, View

COMMANDS: dict[str, "VmCommand"] = {}


class Vm(gdb.Command):
    """What Faultline's memory looks like.

    vm NAME …          text
    vm -json NAME …    the same as one line of JSON

Addresses are gdb expressions (put them in quotes if they hold blanks): 0x8048000, $cr2, &counters. They
are looked up in the space of PID, or of the running process, or, where a kernel thread runs, of the
process with the highest number. Nothing here changes the machine; what is not there is called absent."""

    def __init__(self):
        super().__init__("vm", gdb.COMMAND_DATA, gdb.COMPLETE_COMMAND, True)

    def invoke(self, argument: str, from_tty: bool):
        words = argument.split(None, 2)
        if len(words) < 2 or words[0] != "-json" or words[1] not in COMMANDS:
            raise gdb.GdbError("vm [-json] " + "|".join(sorted(COMMANDS)) + ": see `help vm`")
        COMMANDS[words[1]].answer(words[2] if len(words) > 2 else "", as_json=True)


class VmCommand(gdb.Command):
    """Base of the commands. The class's documentation is its help."""

    name = ""
    arguments = (0, 0)  # at least, at most
    completion = gdb.COMPLETE_NONE

    def __init__(self):
        COMMANDS[self.name] = self
        if self.completion == gdb.COMPLETE_NONE:
            super().__init__(f"vm {self.name}", gdb.COMMAND_DATA)
        else:
            super().__init__(f"vm {self.name}", gdb.COMMAND_DATA, self.completion)

    def invoke(self, argument: str, from_tty: bool):
        self.answer(argument, as_json=False)

    def answer(self, argument: str, as_json: bool) -> None:
        """Prints the answer; an error of one line where there is none."""
        words = gdb.string_to_argv(argument)
        least, most = self.arguments
        if not least <= len(words) <= most:
            raise gdb.GdbError((self.__doc__ or "").splitlines()[0])
        memory.forget()
        try:
            data = self.collect(words)
            if as_json:
                print(json.dumps(data))
            else:
                self.show(data)
        except Absent as absent:
            raise gdb.GdbError(str(absent)) from None

    def collect(self, words: list[str]) -> dict:
        """The record."""
        raise NotImplementedError

    def show(self, data: dict) -> None:
        """The record as text."""
        raise NotImplementedError


def matching(words: list[str], text: str | None) -> list[str]:
    """Those of @words that a completion of @text may be: None where gdb only asks how words are broken."""
    return [word for word in words if text is not None and word.startswith(text)]


def number(word: str) -> int:
    """The value of a gdb expression, as an unsigned 32-bit number."""
    try:
        return int(gdb.parse_and_eval(word)) & 0xFFFFFFFF
    except gdb.error as error:
        raise gdb.GdbError(f"{word}: {error}") from None


def process_for(words: list[str]) -> View:
    """The process that is meant: the number in @words, the running one, or the youngest."""
    if words:
        process = kernel.process_by_pid(number(words[0]))
        if not process:
            raise gdb.GdbError(f"no process {words[0]} (vm processes)")
    else:
        process = kernel.current_process()
        if not process or not process.follow("space"):
            alive = [p for p in kernel.processes() if p.follow("space")]
            process = max(alive, key=lambda p: p["pid"], default=None)
    if not process or not process.follow("space"):
        raise gdb.GdbError("no process with a space (yet, or any more)")
    return process


def space_for(words: list[str]) -> View:
    """The space that is meant, as process_for()."""
    thread = kernel.current_thread()
    if not words and thread and kernel.space_of(thread):
        return kernel.space_of(thread)
    return process_for(words).follow("space")


def pids(text: str) -> list[str]:
    """Completion: the numbers of processes."""
    try:
        return matching([str(process["pid"]) for process in kernel.processes()], text)
    except Absent:
        return []
