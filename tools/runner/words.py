"""The kernel's command line: boot words, then `--` and the command, quoted for each loader.

The kernel splits at blanks; double quotes group and a backslash escapes (kernel/bootparam.c). After `--`,
every byte that any loader could touch is written as %XX.
"""

import argparse
import os
import shlex
import string

from .outcome import Trouble

# Of kernel/bootparam.c and kernel/bootparam.h.
LONGEST_LINE = 4095
MOST_ARGUMENTS = 32

SAFE = frozenset((string.ascii_letters + string.digits + "_./=,:+-").encode())


def escape(argument: str) -> str:
    """One argument of the command, with %XX for every byte that is not plainly safe."""
    return "".join(chr(b) if b in SAFE else f"%{b:02X}" for b in os.fsencode(argument))


def boot_words(options: argparse.Namespace) -> list[str]:
    """All words of the command line, unquoted; an empty argument is an empty word."""
    words = [] if options.interactive else ["console=raw"]
    if options.frames is not None:
        words.append(f"frames={options.frames}")
    for text in options.append:
        words += shlex.split(text)
    if options.trace and not any(word.startswith("trace=") for word in words):
        words.append("trace=all")
    if len(options.command) > MOST_ARGUMENTS:
        raise Trouble(f"a command of {len(options.command)} words, {MOST_ARGUMENTS} are possible")
    if options.command:
        words += ["--"] + [escape(argument) for argument in options.command]
    return words


def kernel_quote(word: str) -> str:
    """One word as the kernel reads it."""
    if word and not any(c in word for c in ' \t"\\'):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def kernel_line(words: list[str]) -> str:
    """The words for QEMU's -append, which passes them as they are."""
    return within_limit(" ".join(kernel_quote(word) for word in words))


def grub_line(words: list[str]) -> str:
    """The words for GRUB's shell. GRUB quotes for the kernel itself, in the kernel's way."""
    if "" in words:
        raise Trouble("GRUB drops empty arguments: use --direct")
    kernel_line(words)
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def within_limit(line: str) -> str:
    """The line itself, if the kernel takes one so long."""
    if len(line) > LONGEST_LINE:
        raise Trouble(f"the boot words and the command take {len(line)} bytes, {LONGEST_LINE} are possible")
    return line
