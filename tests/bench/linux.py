"""The peer: Debian's i386 Linux in the same QEMU machine, on a copy of the same disk, with the same programs.

What only slows Linux down and has nothing to do with memory is switched off (mitigations, security modules, audit,
cgroups, huge pages), so that it is compared at its best.
"""

import pathlib
import re
import subprocess
import tempfile

from guests import (BUILD, DATA, MACHINE_CPU, PREALLOCATED, ROOT, SCRATCH, Failure, Region, plugin,
                    read_regions)

KERNEL = ROOT / "build/real/kernel"  # tools/fetch-i386 --kernel
EXIT_DONE = 33

# Needed by the disk and its file system; the first two are asked for by name while the others start.
MODULES = ("crct10dif_generic", "crc64_rocksoft_generic", "crc32c_generic", "ata_piix", "sd_mod", "ext4")

WORDS = """console=ttyS0,115200 quiet loglevel=1 rdinit=/init panic=-1 mitigations=off apparmor=0 audit=0 lsm=
init_on_alloc=0 transparent_hugepage=never nowatchdog psi=0 io_delay=none tsc=reliable clocksource=tsc
no_timer_check random.trust_bootloader=on nokaslr norandmaps cgroup_disable=memory""".split()


def fetch() -> None:
    """The kernel's package, unpacked under build/real."""
    if subprocess.run([str(ROOT / "tools/fetch-i386"), "--kernel"], check=False).returncode != 0:
        raise Failure("the peer's kernel cannot be had")


def kernel_image() -> pathlib.Path:
    """The newest kernel that was fetched."""
    images = sorted(KERNEL.glob("boot/vmlinuz-*"))
    if not images:
        raise Failure("no kernel in build/real/kernel")
    return images[-1]


def version() -> str:
    """What the kernel calls itself."""
    return kernel_image().name.removeprefix("vmlinuz-")


# ---- the initial file system ----


def modules_in_order() -> list[pathlib.Path]:
    """The modules' files, each after those that its "depends=" names; what has no file is built in."""
    files = {path.stem.replace("-", "_"): path for path in KERNEL.glob("lib/modules/*/kernel/**/*.ko")}
    found: list[pathlib.Path] = []

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or path in found:
            return
        match = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for needed in match.group(1).decode("ascii").split(",") if match else []:
            add(needed.replace("-", "_"))
        found.append(path)

    for name in MODULES:
        add(name)
    return found


def cpio_entry(name: str, data: bytes, mode: int) -> bytes:
    """One member of an archive in the "newc" format of cpio(5)."""
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    entry = b"070701" + b"".join(b"%08X" % value for value in fields) + name.encode() + b"\0"
    entry += bytes(-len(entry) % 4)
    return entry + data + bytes(-len(data) % 4)


def make_initramfs(path: pathlib.Path) -> None:
    """init and the modules."""
    modules = modules_in_order()
    archive = cpio_entry("init", (BUILD / "linux_init").read_bytes(), 0o100755)
    archive += cpio_entry("modules", b"", 0o040755) + cpio_entry("dev", b"", 0o040755)
    for module in modules:
        archive += cpio_entry(f"modules/{module.name}", module.read_bytes(), 0o100644)
    archive += cpio_entry("modules/list", "".join(f"{module.name}\n" for module in modules).encode(), 0o100644)
    path.write_bytes(archive + cpio_entry("TRAILER!!!", b"", 0))


class Linux:
    """Debian's kernel."""

    name = "linux"

    def __init__(self) -> None:
        self.disk = BUILD / "disk.img"
        self.initramfs = BUILD / "linux.cpio"
        make_initramfs(self.initramfs)

    def run(self, row: str, kib: int, counting: bool = True, command: str = "", words: str = "",
            hot: pathlib.Path | None = None, memory: str = "96M", icount: bool = False) -> list[Region]:
        """Boots once; @kib: what is left to user programs, 0 for all."""
        with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="faultline-bench-") as scratch:
            disk, records = pathlib.Path(scratch) / "disk.img", pathlib.Path(scratch) / "records"
            subprocess.run(["cp", "--sparse=always", str(self.disk), str(disk)], check=True)
            line = [*WORDS, *words.split(), f"BENCH_KIB={kib}", "--", "/bin/bench", row, str(kib), DATA,
                    *command.split()]
            arguments = ["timeout", "-k", "2", "280", "qemu-system-i386", "-accel", "tcg", "-machine", "pc"]
            arguments += ["-cpu", MACHINE_CPU, "-m", memory, "-display", "none", "-nic", "none", "-no-reboot"]
            arguments += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-monitor", "none"]
            arguments += ["-serial", "stdio", "-drive", f"file={disk},format=raw,if=ide,index=0,cache=unsafe"]
            arguments += [PREALLOCATED, "-plugin", plugin(records, counting, [f"hot={hot}"] if hot else [])]
            if icount:
                arguments += ["-icount", "shift=0"]
            arguments += ["-kernel", str(kernel_image()), "-initrd", str(self.initramfs), "-append", " ".join(line)]
            done = subprocess.run(arguments, capture_output=True, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, check=False)
            if done.returncode != EXIT_DONE or "EXIT 0" not in done.stdout:
                raise Failure(f"{row}: status {done.returncode}\n{done.stdout}{done.stderr}")
            return read_regions(done.stdout, records)
