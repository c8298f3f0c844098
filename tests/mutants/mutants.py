"""Breaks the kernel on purpose, one defect at a time, and counts how many of the defects the tests notice.

    tests/mutants/run [--mutant NAME]… [--jobs N] [--units | --guests] [--all] [--keep]

A mutant is a patch beside this file. Its first line says what is wrong in it and, after a semicolon, what no
longer holds. A line "units: a b" names the unit tests (tests/unit/test_a.c) that are nearest to the defect.

Each mutant is built in a copy of the checkout under build/mutants, in which only what the patch touches is
compiled again, and goes through the detectors until one of them fails: the unit tests named, then the loads
below in guests short of memory, then the other unit tests of mm. Before a failure is believed, the same
detector must have passed on an unbroken copy. A patch that no longer applies, or does not compile, is a
failure: it tests nothing any more.

    --units, --guests   only detectors of this kind
    --all               all detectors, even when one has failed: which of them notice what
    --keep              leave the copies of the caught mutants behind too

Needs what `make all` and `make tests` make. Ends with "N passed, N failed"; the status is 0 only if every
mutant was caught.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "build" / "mutants"
PRISTINE = "pristine"

SOURCES = ["Makefile", "linker.ld", "arch", "boot", "drivers", "fs", "kernel", "lib", "mm", "tests", "tools",
           "user"]
BUILT = ["obj", "unit", "user", "stage"]
SHARED = {".o", ""}  # written anew by those who make them, never in place: a link will do
BUILD_SECONDS = 300
UNIT_SECONDS = 240
GUEST_SECONDS = 60  # the guest's own limit; the longest load takes 3 where the machine is idle

# The unit tests that have all of mm in them, the quickest first.
MM_UNITS = ["fault", "object", "pin", "heap", "amap", "clock", "frame", "swap", "pageout"]


@dataclass
class Load:
    """A run in a guest: it must end and print as here, and leave nothing behind."""

    name: str
    command: str
    frames: int = 300
    words: str = "check=2"
    options: tuple[str, ...] = ()
    proof: dict[str, int] = field(default_factory=dict)  # counters that show that it did page
    oracle: bool = True  # the same command here prints the same


LOADS = [
    Load("sweep", "seqsweep 2M 2; quicksort 1M", words="check=2 policy=clock", proof={"pswpin": 500, "pswpout": 500}),
    Load("copies", "cowtest 1M 2; forkload 4 512K 2", proof={"pswpin": 500, "fault_copy": 300}),
    Load("text", "sparsetext all 1", proof={"pgfilein": 1000, "readahead_file": 100}),
    Load("shared", "shmtest paging 2M 2", proof={"pswpin": 500}),
    Load("files", "filetest d 512K 150", frames=160, proof={"pgfileout": 50}),
    Load("static", "quicksort 2M; cowtest 1M 2", words="check=2 swap=static", proof={"pswpin": 500}),
    Load("local", "seqsweep 800K 6", frames=500, words="check=2 scope=local quota=60", proof={"fault_reclaim": 400, "pgevict": 800}),
    Load("many", "manyproc 60 8 64K", frames=0, words="check=10", proof={"forks": 60}),
    Load("direct", "directtest unmap f 20", words="check=2", proof={"blk_raw_in": 300}, oracle=False),
    Load("turns", "workset 6 512K 40 100 10", frames=512, words="check=2 loadcontrol=1 policy=fifo", options=("--mem=24M", "--iops=400"), proof={"swapout_procs": 3}),
    Load("facts", "semantics access misuse mapping file sharing usercopy frame abi", frames=200, words="check=5", proof={"pgevict": 300}),
]

# What every run must have given back when its last process has ended.
NOTHING_LEFT = ["nr_anons", "nr_pinned", "nr_busy"]
KERNEL_FRAMES_MORE = 40  # heap frames with a block still in use, compared with a run of nothing


class Stale(Exception):
    """The patch tests nothing any more."""


@dataclass
class Mutant:
    """One patch, and how it went."""

    name: str
    text: str = ""
    units: list[str] = field(default_factory=list)
    caught_by: list[str] = field(default_factory=list)  # "kind name: what it said"
    trouble: str = ""

    @staticmethod
    def read(path: pathlib.Path) -> "Mutant":
        head = path.read_text(encoding="utf-8").split("\n--- ", 1)[0].splitlines()
        units = [line.split()[1:] for line in head if line.startswith("units:")]
        return Mutant(path.stem, head[0], units[0] if units else [])


# ---- Copies of the checkout ---------------------------------------------------------------------------


def copy_file(source: str, target: str) -> None:
    """Links what is only ever replaced, and copies what is written in place, as NASM does."""
    stem, kind = os.path.splitext(source)
    if kind in SHARED and not stem.endswith(".asm") and not os.path.exists(stem + ".asm"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def make_copy(name: str) -> pathlib.Path:
    """The checkout with all that is built, but for what a changed kernel changes."""
    tree = PLACE / name
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "build").mkdir(parents=True)
    for entry in SOURCES:
        if (ROOT / entry).is_dir():
            shutil.copytree(ROOT / entry, tree / entry, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / entry, tree / entry)
    for entry in BUILT:
        shutil.copytree(ROOT / "build" / entry, tree / "build" / entry, copy_function=copy_file, symlinks=True)
    for entry in (ROOT / "build").iterdir():
        if entry.suffix in (".flags", ".stamp"):
            shutil.copy2(entry, tree / "build")
    accelerator = ROOT / "build/cache/accelerator"
    if accelerator.exists():
        (tree / "build/cache").mkdir()
        shutil.copy2(accelerator, tree / "build/cache")
    (tree / "build/stage/boot/faultline.elf").unlink()
    return tree


def environment(**more) -> dict[str, str]:
    """Of what is run in a copy: without the make that runs this, and with the places of system tools."""
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")}
    kept |= {"CK_DEFAULT_TIMEOUT": "60", "LC_ALL": "C"} | more
    kept["PATH"] += ":/usr/sbin:/sbin"
    return kept


def run_in(tree: pathlib.Path, command: list[str], seconds: int, apart: bool = False,
           **more) -> subprocess.CompletedProcess:
    """
    Runs a command in the copy, its errors @apart or with the output; one that does not end: status 124. In a session
    of its own, as Check, when it is ended, ends its whole process group.
    """
    with subprocess.Popen(command, cwd=tree, env=environment(**more), stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                          errors="replace", start_new_session=True) as process:
        try:
            out, errors = process.communicate(timeout=seconds)
            return subprocess.CompletedProcess(command, process.returncode, out, errors)
        except subprocess.TimeoutExpired:
            process.terminate()  # a unit test then ends its children, too, which a kill would leave behind for ever
        except KeyboardInterrupt:
            process.terminate()
            raise
        try:
            out, _ = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        return subprocess.CompletedProcess(command, 124, out + "\ndid not end", "")


def make(tree: pathlib.Path, *goals: str) -> None:
    """Builds in the copy."""
    done = run_in(tree, ["make", "-j2", *goals], BUILD_SECONDS)
    if done.returncode != 0:
        raise Stale(f"`make {' '.join(goals)}` fails:\n{done.stdout.strip()}")


def apply(tree: pathlib.Path, name: str) -> None:
    """Patches the copy."""
    patch = ["patch", "-p1", "--batch", "--forward", "-F1", "--no-backup-if-mismatch", "-i", str(HERE / f"{name}.patch")]
    done = run_in(tree, patch, 60)
    if done.returncode != 0:
        raise Stale(f"tests/mutants/{name}.patch does not apply any more; make it anew:\n{done.stdout.strip()}")
    for left in tree.rglob("*.rej"):
        raise Stale(f"tests/mutants/{name}.patch: {left.name}")


# ---- Detectors: each returns what is wrong, or "" -------------------------------------------------------


def run_unit(tree: pathlib.Path, unit: str) -> str:
    """One unit test; what its first failure says."""
    goal = f"build/tests/unit/test_{unit}"
    make(tree, goal)
    done = run_in(tree, [goal], UNIT_SECONDS)
    if done.returncode == 0:
        return ""
    panic = re.search(r"panic: .*", done.stdout)
    if panic:
        return panic.group(0)[:160]
    said = re.findall(r"^\S+?:\d+:[FE]:[^:]*:(\w+):\d+: (.*)$", done.stdout, re.MULTILINE)
    if said:
        return f"{said[0][0]}: {said[0][1][:120]}"
    return done.stdout.strip().splitlines()[-1][:160] if done.stdout.strip() else f"status {done.returncode}"


class Oracles:
    """What the loads print on this machine."""

    def __init__(self):
        self.lock = threading.Lock()
        self.known: dict[str, tuple[int, str]] = {}

    def of(self, load: Load) -> tuple[int, str]:
        with self.lock:
            if load.name not in self.known:
                place = PLACE / "host"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                path = f"{ROOT / 'build/user'}:{os.environ['PATH']}"
                done = run_in(place, ["sh", "-c", load.command], UNIT_SECONDS, PATH=path)
                self.known[load.name] = (done.returncode, done.stdout)
            return self.known[load.name]


ORACLES = Oracles()


def first_difference(guest: str, host: str) -> str:
    """The first line that the guest printed otherwise."""
    for mine, theirs in zip(guest.splitlines() + ["(nothing)"], host.splitlines() + ["(nothing)"]):
        if mine != theirs:
            return f"prints {mine[:80]!r}, not {theirs[:80]!r}"
    return "prints more or less"


def boot(tree: pathlib.Path, load: Load, command: str) -> tuple[subprocess.CompletedProcess, dict]:
    """Runs a command in a guest: how the runner ended, and the counters."""
    stats = tree / "build" / "stats.json"
    stats.unlink(missing_ok=True)
    arguments = ["tools/guest", f"--stats={stats}", "--check-disk", f"--timeout={GUEST_SECONDS}", *load.options]
    arguments += [f"--frames={load.frames}"] if load.frames else []
    arguments += [f"--append={word}" for word in load.words.split()]
    done = run_in(tree, [*arguments, "--", "sh", "-c", command], 3 * GUEST_SECONDS, apart=True)
    return done, json.loads(stats.read_text(encoding="utf-8")) if stats.exists() else {}


def left_behind(tree: pathlib.Path, load: Load, counters: dict) -> str:
    """What has not been given back, in frames, slots or blocks of the heap."""
    for gauge in NOTHING_LEFT:
        if counters.get(gauge) != 0:
            return f"leaves {gauge} {counters.get(gauge)}"
    if counters["nr_swap_free"] != counters["nr_swap_total"]:
        return f"leaves {counters['nr_swap_total'] - counters['nr_swap_free']} slots in use"
    _, idle = boot(tree, load, "true")
    if not idle or counters["nr_kernel"] > idle["nr_kernel"] + KERNEL_FRAMES_MORE:
        return f"leaves {counters['nr_kernel']} kernel frames in use, a run of nothing {idle.get('nr_kernel')}"
    return ""


def run_load(tree: pathlib.Path, name: str, *variables: str) -> str:
    """One load: its end, its output, the counters, the disk, and what it leaves."""
    load = next(load for load in LOADS if load.name == name)
    make(tree, *variables, "build/stage.stamp")
    done, counters = boot(tree, load, load.command)
    status, output = done.returncode, done.stdout
    if status >= 250:
        said = counters.get("text") or (done.stderr.strip().splitlines() or [""])[0]
        return f"{counters.get('outcome', 'no end')}: {said[:160]}"
    if load.oracle and (status, output) != ORACLES.of(load):
        return f"status {status}, {first_difference(output, ORACLES.of(load)[1])}"
    if status != 0:
        return f"status {status}: {output.strip().splitlines()[-1:]}"
    if counters.get("fsck") != 0:
        return f"e2fsck's status is {counters.get('fsck')}"
    if counters.get("vm_checks", 0) < 2 or counters.get("blk_errors") != 0:
        return f"{counters.get('vm_checks')} checks, {counters.get('blk_errors')} disk errors"
    for counter, least in load.proof.items():
        if counters.get(counter, 0) < least:
            return f"{counter} is {counters.get(counter)}, less than {least}"
    return left_behind(tree, load, counters)


RUNNERS = {"unit": run_unit, "guest": run_load}


class Pristine:
    """The unbroken copy: a detector that fails there too says nothing about a mutant."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tree: pathlib.Path | None = None
        self.verdicts: dict[tuple[str, str], str] = {}

    def says(self, kind: str, name: str) -> str:
        with self.lock:
            if self.tree is None:
                self.tree = make_copy(PRISTINE)
                (self.tree / "build/stage.stamp").unlink(missing_ok=True)
            if (kind, name) not in self.verdicts:
                self.verdicts[kind, name] = RUNNERS[kind](self.tree, name)
            return self.verdicts[kind, name]


UNBROKEN = Pristine()


# ---- One mutant -----------------------------------------------------------------------------------------


def detectors(mutant: Mutant, options: argparse.Namespace) -> list[tuple[str, str]]:
    """In the order in which they are tried."""
    near = [("unit", unit) for unit in mutant.units]
    loads = [("guest", load.name) for load in LOADS]
    far = [("unit", unit) for unit in MM_UNITS if unit not in mutant.units]
    return [d for d in near + loads + far if options.kind in (None, d[0])]


def try_mutant(mutant: Mutant, options: argparse.Namespace) -> None:
    """Builds it and looks for a detector that notices."""
    tree = make_copy(mutant.name)
    apply(tree, mutant.name)
    make(tree, "kernel")
    for kind, name in detectors(mutant, options):
        said = RUNNERS[kind](tree, name)
        if said and "panic:" not in said and kind == "guest":
            said = RUNNERS[kind](tree, name) and said  # what a busy machine may have done does not count
        if said and UNBROKEN.says(kind, name):
            raise Stale(f"{kind} {name} fails on the unbroken kernel too: {UNBROKEN.says(kind, name)}")
        if said:
            mutant.caught_by.append(f"{kind} {name}: {said}")
            if not options.all:
                break
    if mutant.caught_by and not options.keep:
        shutil.rmtree(tree, ignore_errors=True)


def run_mutant(mutant: Mutant, options: argparse.Namespace) -> Mutant:
    """As above; trouble is kept for the report."""
    try:
        try_mutant(mutant, options)
    except Stale as stale:
        mutant.trouble = str(stale)
    return mutant


def show(mutant: Mutant) -> None:
    """A line for a mutant; more for one that was not caught."""
    if mutant.trouble:
        print(f"STALE    {mutant.name}")
        print("\n".join("  | " + line for line in mutant.trouble.splitlines()))
    elif not mutant.caught_by:
        print(f"SURVIVED {mutant.name}\n  | {mutant.text}\n  | its copy: {PLACE.relative_to(ROOT) / mutant.name}")
    else:
        print(f"caught   {mutant.name}\n           by " + "\n              ".join(mutant.caught_by))
    sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutant", action="append", default=[], help="only these")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2), help="at a time")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--units", dest="kind", action="store_const", const="unit", help="only unit tests")
    kind.add_argument("--guests", dest="kind", action="store_const", const="guest", help="only guests")
    parser.add_argument("--all", action="store_true", help="try every detector")
    parser.add_argument("--keep", action="store_true", help="leave all copies")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    patches = {path.stem: path for path in sorted(HERE.glob("*.patch"))}
    unknown = [name for name in options.mutant if name not in patches]
    if unknown:
        sys.stderr.write(f"no such mutant: {', '.join(unknown)}; there are: {', '.join(patches)}\n")
        return 2
    mutants = [Mutant.read(path) for name, path in patches.items() if name in (options.mutant or patches)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_mutant, m, options) for m in mutants]):
            show(done.result())
    shutil.rmtree(PLACE / PRISTINE, ignore_errors=True)
    caught = [m for m in mutants if m.caught_by and not m.trouble]
    by_unit = sum(1 for m in caught if m.caught_by[0].startswith("unit"))
    by_checker = sum(1 for m in caught if m.caught_by[0].startswith("guest") and "vm_check" in m.caught_by[0])
    failed = len(mutants) - len(caught)
    print(f"mutants: {len(caught)} of {len(mutants)} caught, {by_unit} by a unit test, {by_checker} by vm_check in a "
          f"guest, {len(caught) - by_unit - by_checker} otherwise in a guest")
    print(f"{100 * len(caught) // max(1, len(mutants))}%: Checks: {len(mutants)}, Failures: {failed}, Errors: 0")
    print(f"{len(caught)} passed, {failed} failed", flush=True)
    return 0 if mutants and failed == 0 else 1

