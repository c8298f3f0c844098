"""The guest's disk: an image made once for each shape, copied for each run, and changed with debugfs.

mkfs and GRUB's files are the same for every run, so they are made once (tools/mkimage, kept in
build/cache) and copied without their holes; boot words and added files are then written into the copy.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

from .outcome import Trouble
from .words import boot_words, grub_line

# Where the root file system starts: partition 1 of tools/mkimage.
ROOT_OFFSET = 2048 * 512

# What debugfs says where nothing is wrong: its name, and `rm` of a file that is not there yet.
HARMLESS = ("debugfs 1.", "File not found by ext2_lookup")


def tool_environment() -> dict[str, str]:
    """The environment with the places where Debian keeps e2fsprogs and util-linux."""
    return {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C"}


def fingerprint(root: pathlib.Path, stage: pathlib.Path) -> str:
    """Changes whenever what an image is made of does."""
    made_of = [root / "tools/mkimage", root / "boot/grub.cfg", root / "boot/grub-early.cfg"]
    made_of += sorted(stage.rglob("*"))
    entries = []
    for path in made_of:
        info = path.lstat()
        size = info.st_size if stat.S_ISREG(info.st_mode) else 0
        stamp = info.st_mtime_ns if stat.S_ISREG(info.st_mode) else 0
        entries.append([str(path.relative_to(root)), info.st_mode, size, stamp])
    return json.dumps(entries)


@contextlib.contextmanager
def locked(path: pathlib.Path):
    """Holds an exclusive lock on @path: runs side by side may want the same image made."""
    with open(path, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_sparse(source: int, target: pathlib.Path) -> None:
    """Copies the open file @source to a new file, holes staying holes."""
    size = os.fstat(source).st_size
    with open(target, "wb") as out:
        out.truncate(size)
        end = 0
        while end < size:
            try:
                start = os.lseek(source, end, os.SEEK_DATA)
            except OSError:  # nothing but a hole up to the end
                break
            end = os.lseek(source, start, os.SEEK_HOLE)
            out.seek(start)
            while start < end:
                start += os.sendfile(out.fileno(), source, start, end - start)


def base_image(root: pathlib.Path, options: argparse.Namespace) -> int:
    """An open file: the image of this shape with nothing added, made if need be."""
    cache = root / "build/cache"
    cache.mkdir(parents=True, exist_ok=True)
    stage = root / "build/stage"
    if not (stage / "boot/faultline.elf").exists():
        raise Trouble("nothing to run: build/stage has no kernel (make)")
    name = f"disk-{options.disk_size}-{options.swap_size}-{options.block_size}"
    image, key = cache / f"{name}.img", cache / f"{name}.key"
    with locked(cache / "lock"):
        wanted = fingerprint(root, stage)
        if not image.exists() or not key.exists() or key.read_text(encoding="utf-8") != wanted:
            make_image(root, options, image)
            key.write_text(wanted, encoding="utf-8")
        return os.open(image, os.O_RDONLY)


def make_image(root: pathlib.Path, options: argparse.Namespace, image: pathlib.Path) -> None:
    """Runs tools/mkimage."""
    command = [str(root / "tools/mkimage"), "--stage", str(root / "build/stage")]
    command += ["--disk-size", options.disk_size, "--swap-size", options.swap_size]
    command += ["--block-size", str(options.block_size), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"no disk image: {done.stderr.strip()}")


def quoted(path: str) -> str:
    """A path as debugfs reads it: in double quotes, which are doubled inside."""
    if "\n" in path:
        raise Trouble(f"a newline in a file name: {path!r}")
    return '"' + path.replace('"', '""') + '"'


def additions(host: pathlib.Path, guest: str) -> tuple[list[str], list[tuple[str, str]]]:
    """What it takes to put @host, a file, a link or a whole directory, at @guest.

    Returns the directories that must exist, parents first, and pairs of a file and the debugfs command
    that makes it.
    """
    if guest.endswith("/") and not host.is_dir():
        guest += host.name
    place = pathlib.PurePosixPath(guest)
    directories = [str(parent) for parent in reversed(place.parents)]
    files = []
    if host.is_symlink():
        files.append((str(place), f"symlink {quoted(str(place))} {quoted(os.readlink(host))}"))
    elif host.is_dir():
        directories.append(str(place))
        for child in sorted(host.iterdir()):
            more_directories, more_files = additions(child, str(place / child.name))
            directories += more_directories
            files += more_files
    elif host.is_file():
        files.append((str(place), f"write {quoted(str(host.absolute()))} {quoted(str(place))}"))
    else:
        raise Trouble(f"neither a file nor a directory nor a link: {host}")
    return directories, files


def add(image: pathlib.Path, host: pathlib.Path, guest: str) -> None:
    """Puts @host at @guest in the root file system of @image, replacing files; in a directory, as cp does."""
    if not host.is_dir() and existing_directories(image, [guest]):
        guest += "/" + host.name
    directories, files = additions(host, guest)
    wanted = list(dict.fromkeys(directories))
    there = existing_directories(image, wanted)
    # debugfs's mkdir of a directory that exists leaks an inode.
    commands = [f"mkdir {quoted(path)}" for path in wanted if path not in there]
    for path, command in files:
        commands += [f"rm {quoted(path)}", command]
    debugfs(image, commands)


def existing_directories(image: pathlib.Path, paths: list[str]) -> set[str]:
    """Those of @paths that are directories on the disk."""
    answers = debugfs(image, [f"stat {quoted(path)}" for path in paths]).split("debugfs: ")[1:]
    is_directory = re.compile(r"^Inode: \d+ +Type: directory", re.MULTILINE)
    return {path for path, answer in zip(paths, answers) if is_directory.search(answer)}


def debugfs(image: pathlib.Path, commands: list[str]) -> str:
    """Runs debugfs commands on the root file system of @image; Trouble if one of them fails."""
    done = subprocess.run(
        ["debugfs", "-w", "-f", "-", f"{image}?offset={ROOT_OFFSET}"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=tool_environment(),
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if line and not any(x in line for x in HARMLESS)]
    if done.returncode != 0 or complaints:
        raise Trouble("debugfs: " + "; ".join(complaints or ["failed"]))
    return done.stdout


def boot_configuration(root: pathlib.Path, words: str) -> str:
    """GRUB's configuration with the boot words in it."""
    return (root / "boot/grub.cfg").read_text(encoding="utf-8").replace("@BOOT_WORDS@", words)


def boots_by_itself(image: pathlib.Path) -> bool:
    """Whether tools/mkimage found GRUB when it made this disk."""
    with open(image, "rb") as disk:
        return any(disk.read(440))


def prepare(root: pathlib.Path, options: argparse.Namespace, work: pathlib.Path) -> pathlib.Path:
    """The disk of this run, with the kernel, GRUB's configuration and the added files on it."""
    image = pathlib.Path(options.disk).absolute() if options.disk else work / "disk.img"
    pairs = []
    if image.exists() and options.disk_as_is:
        return image
    if image.exists():
        pairs.append((root / "build/stage/boot/faultline.elf", "/boot/faultline.elf"))
    else:
        source = base_image(root, options)
        try:
            copy_sparse(source, image)
        finally:
            os.close(source)
    if not options.direct:
        if not boots_by_itself(image):
            raise Trouble("no GRUB on this disk: --direct, or a disk made where grub-pc-bin is installed")
        configuration = work / "grub.cfg"
        text = boot_configuration(root, grub_line(boot_words(options)))
        configuration.write_text(text, encoding="utf-8")
        pairs.append((configuration, "/boot/grub/grub.cfg"))
    pairs += options.additions
    for host, guest in pairs:
        add(image, host, guest)
    return image


def check(image: pathlib.Path) -> int:
    """e2fsck's exit status for the root file system; what it says goes to stderr if it is not 0."""
    if shutil.which("e2fsck", path=tool_environment()["PATH"]) is None:
        raise Trouble("no e2fsck (package e2fsprogs)")
    done = subprocess.run(
        ["e2fsck", "-fn", f"{image}?offset={ROOT_OFFSET}"],
        capture_output=True,
        text=True,
        errors="replace",
        env=tool_environment(),
        check=False,
    )
    if done.returncode != 0:
        os.write(2, f"guest: e2fsck -fn: status {done.returncode}\n{done.stdout}".encode())
    return done.returncode
