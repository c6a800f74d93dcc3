# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes disks for the guests of the lab.

``guest_disk.py linux OUT``: a disk that boots for real: a GPT with an ESP on which lies one EFI program, Debian's cloud
kernel with an initial file system of busybox in it. The guest has a login on its first serial port (root, no password),
asks for an address by DHCP where it has a NIC, writes on the screen, and powers off when the power button is pressed.
It takes nothing but Debian packages, no root rights and no loop device; what it is made of is kept below ``--cache``.

``guest_disk.py netboot OUT``: kernel and initial file system of it, in a tar archive, for those that boot by network.

``guest_disk.py light OUT [JSON]``: a disk with a boot signature and nothing to boot: the guest behind it is a light
one, which behaves as the JSON in the first sector says (``standin/guests/behaviour.py``).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
from typing import List, Mapping, Sequence, Set, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from standin.guests.behaviour import make_sector

_MIB = 1 << 20
_SECTOR = 512
#: The ESP: FAT32 of 33 MiB, the least that has enough clusters, from the first megabyte on.
_ESP_SECTORS = 67584
_ESP_START = 2048
_ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
BUSYBOX = "/bin/busybox"
_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "button", "evdev")
_COMMAND_LINE = "console=tty0 console=ttyS0,115200 quiet loglevel=3 panic=1"
#: Where a section of the EFI program lies in memory (systemd-stub(7)).
_SECTIONS = (("osrel", 0x20000), ("cmdline", 0x30000), ("linux", 0x2000000), ("initrd", 0x3000000))
#: Packages that have the tools.
_TOOLS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "depmod": "kmod",
    "modprobe": "kmod",
    "objcopy": "binutils",
    "mformat": "mtools",
    "mmd": "mtools",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
}
_FILES = {_STUB: "systemd-boot-efi", BUSYBOX: "busybox-static"}
#: And those that a guest boots with; without them the stand-in's guests are light ones.
_MACHINE = {"/usr/bin/qemu-system-x86_64": "qemu-system-x86", "/usr/share/OVMF/OVMF_CODE_4M.fd": "ovmf"}
APPLETS = (
    "sh mount cat echo ls ln mkdir sleep ip udhcpc insmod poweroff reboot halt getty login hostname grep sed uname "
    "dmesg head sync date ping ps switch_root init"
)
PASSWD = b"root::0:0:root:/root:/bin/sh\n"
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
while read module; do insmod $module; done < /modules/order
hostname guest
ip link set lo up
for nic in /sys/class/net/eth*; do
    [ -e $nic ] || continue
    ip link set ${nic##*/} up
    udhcpc -i ${nic##*/} -b -S -t 3 -T 1 -s /etc/udhcpc.sh > /dev/null 2>&1 &
done
for event in /sys/class/input/event*; do
    grep -q "Power Button" $event/device/name 2> /dev/null || continue
    (head -c 24 /dev/input/${event##*/} > /dev/null; echo "power button: power off" > /dev/ttyS0; sync; poweroff -f) &
done
printf '\\033[2J\\033[H\\n  A guest of Apiary is up.\\n\\n' > /dev/tty1
printf '  Log in on its serial port: root, no password.\\n\\n  ' > /dev/tty1
head -n 1 /proc/meminfo > /dev/tty1
while :; do getty -L 115200 ttyS0 vt100; done
"""
_UDHCPC = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
[ -z "$router" ] || ip route add default via ${router%% *}
[ -z "$hostname" ] || hostname $hostname
echo "address $ip on $interface" > /dev/ttyS0
"""


class DiskError(Exception):
    """A disk cannot be made here, or not booted; the message says what is missing."""


def check_tools() -> None:
    """DiskError with the packages to install, if any is missing."""
    missing = {package for tool, package in _TOOLS.items() if shutil.which(tool, path=_path()) is None}
    _need(missing | _without(_FILES))


def check_machine() -> None:
    """DiskError with the packages to install, if no guest can boot for real here."""
    _need(_without(_MACHINE))


def _without(files: Mapping[str, str]) -> Set[str]:
    return {package for path, package in files.items() if not os.path.exists(path)}


def _need(missing: Set[str]) -> None:
    if missing:
        raise DiskError("missing Debian packages: apt-get install " + " ".join(sorted(missing)))


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _run(argv: Sequence[str], cwd: str) -> str:
    environment = {**os.environ, "PATH": _path(), "LC_ALL": "C", "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DiskError(f"`{' '.join(argv)}` exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kernel(cache: str) -> Tuple[str, str]:
    """Debian's cloud kernel, unpacked below ``cache`` (downloaded once): the directory and the kernel's version."""
    root = os.path.join(cache, "kernel")
    modules = os.path.join(root, "lib", "modules")
    if not os.path.isdir(modules):
        depends = _run(["apt-cache", "depends", "linux-image-cloud-amd64"], cwd="/")
        found = re.search(r"Depends: (linux-image-[0-9][^\s]*-cloud-amd64)", depends)
        if found is None:
            raise DiskError("apt knows no package linux-image-cloud-amd64: run apt-get update first")
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _run(["apt-get", "-q", "download", found.group(1)], cwd=work)
            package = next(name for name in os.listdir(work) if name.endswith(".deb"))
            _run(["dpkg-deb", "-x", package, "root"], cwd=work)
            version = os.listdir(os.path.join(work, "root", "lib", "modules"))[0]
            _run(["depmod", "-b", os.path.join(work, "root"), version], cwd=work)
            os.rename(os.path.join(work, "root"), root)
    return root, os.listdir(modules)[0]


def _module_files(root: str, version: str, names: Sequence[str]) -> List[str]:
    """The files of modules, and of those that they need, in the order in which they are to be loaded."""
    files: List[str] = []
    for name in names:
        for line in _run(["modprobe", "-d", root, "-S", version, "--show-depends", name], cwd="/").splitlines():
            words = line.split()
            if words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files


class Cpio:
    """An archive in the form that Linux takes as its initial file system ("newc"), the same for the same content."""

    def __init__(self) -> None:
        self._parts: List[bytes] = []
        self._inode = 0

    def _add(self, name: str, mode: int, data: bytes) -> None:
        self._inode += 1
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self._parts.append(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def directory(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def content(self) -> bytes:
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def archive(root: str, version: str, modules: Sequence[str], init: str) -> Cpio:
    """An initial file system of busybox with these modules, listed in ``/modules/order``, and this ``/init``."""
    made = Cpio()
    for name in ("bin", "dev", "etc", "modules", "proc", "root", "run", "sys", "tmp", "usr", "usr/share"):
        made.directory(name)
    made.file("bin/busybox", _read(BUSYBOX), 0o755)
    for applet in APPLETS.split():
        made.link(f"bin/{applet}", "busybox")
    order = []
    for path in _module_files(root, version, modules):
        name = "modules/" + os.path.basename(path)
        made.file(name, _read(path))
        order.append("/" + name)
    made.file("modules/order", "".join(line + "\n" for line in order).encode())
    made.file("init", init.encode(), 0o755)
    return made


def packed(made: Cpio) -> bytes:
    """As a boot loader hands it to Linux."""
    return gzip.compress(made.content(), compresslevel=6, mtime=0)


def initrd(root: str, version: str) -> bytes:
    """The guest's whole system: busybox, the modules that it needs, its init."""
    made = archive(root, version, _MODULES, _INIT)
    made.file("etc/passwd", PASSWD)
    made.file("etc/udhcpc.sh", _UDHCPC.encode(), 0o755)
    return packed(made)


def _efi_program(work: str, root: str, version: str) -> str:
    """Kernel, command line and initial file system as one EFI program; its path."""
    parts = {
        "osrel": b"ID=apiary\nNAME=Apiary\n",
        "cmdline": _COMMAND_LINE.encode(),
        "linux": _read(os.path.join(root, "boot", f"vmlinuz-{version}")),
        "initrd": initrd(root, version),
    }
    argv = ["objcopy"]
    for name, address in _SECTIONS:
        with open(os.path.join(work, name), "wb") as stream:
            stream.write(parts[name])
        argv += ["--add-section", f".{name}={name}", "--change-section-vma", f".{name}={address:#x}"]
    _run([*argv, _STUB, "BOOTX64.EFI"], cwd=work)
    return os.path.join(work, "BOOTX64.EFI")


def _esp(work: str, program: str) -> str:
    path = os.path.join(work, "esp")
    with open(path, "wb") as stream:
        stream.truncate(_ESP_SECTORS * _SECTOR)
    geometry = ["-T", str(_ESP_SECTORS), "-c", "1", "-h", "16", "-s", "32", "-H", str(_ESP_START)]
    _run(["mformat", "-i", path, "-F", "-v", "ESP", "-N", "A91A2026", *geometry, "::"], cwd=work)
    _run(["mmd", "-i", path, "::/EFI", "::/EFI/BOOT"], cwd=work)
    _run(["mcopy", "-i", path, program, "::/EFI/BOOT/BOOTX64.EFI"], cwd=work)
    return path


def _partition(path: str, work: str) -> None:
    script = (
        "label: gpt\nlabel-id: 4D9D4F36-7D6C-4E0B-9B0B-A91A2026A91A\n"
        f"start={_ESP_START}, size={_ESP_SECTORS}, type={_ESP_TYPE}, "
        'uuid=0C5E7C1A-7E0C-4B0F-8E57-A91A2026A91A, name="ESP"\n'
    )
    table = os.path.join(work, "table")
    with open(table, "w", encoding="ascii") as stream:
        stream.write(script)
    with open(table, encoding="ascii") as stdin:
        environment = {**os.environ, "PATH": _path(), "LC_ALL": "C"}
        done = subprocess.run(
            ["sfdisk", "-q", path], stdin=stdin, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise DiskError(f"`sfdisk -q {path}` exited {done.returncode}: {done.stderr.strip()}")


def _recipe(version: str) -> str:
    """Changes whenever the disk would: the kernel, the tools' inputs, this file."""
    digest = hashlib.sha256(version.encode() + _read(os.path.abspath(__file__)) + _read(BUSYBOX) + _read(_STUB))
    return digest.hexdigest()[:16]


def linux_disk(out: str, cache: str) -> None:
    """Make the disk that boots for real, or copy the one made before. DiskError if it cannot be made here."""
    check_tools()
    os.makedirs(cache, exist_ok=True)
    root, version = kernel(cache)
    ready = os.path.join(cache, f"linux-{_recipe(version)}.img")
    if not os.path.exists(ready):
        with tempfile.TemporaryDirectory(dir=cache) as work:
            esp = _esp(work, _efi_program(work, root, version))
            disk = os.path.join(work, "disk")
            with open(disk, "wb") as stream:
                stream.truncate((_ESP_START + _ESP_SECTORS) * _SECTOR + _MIB)
            _partition(disk, work)
            with open(disk, "r+b") as stream:
                stream.seek(_ESP_START * _SECTOR)
                stream.write(_read(esp))
            os.rename(disk, ready)
    shutil.copyfile(ready, out)


def netboot(out: str, cache: str) -> None:
    """Make an archive with what a PXE boot takes, ``vmlinuz`` and ``initrd``. DiskError if it cannot be made here."""
    check_tools()
    root, version = kernel(cache)
    parts = {"vmlinuz": _read(os.path.join(root, "boot", f"vmlinuz-{version}")), "initrd": initrd(root, version)}
    with tarfile.open(out, "w") as archive:
        for name, data in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def light_disk(out: str, size: int = 16 * _MIB, **behaviour: object) -> None:
    """Make a disk with a boot signature, whose first sector says how the light guest behind it behaves."""
    with open(out, "wb") as stream:
        stream.write(make_sector(dict(behaviour)))
        stream.truncate(size)


def blank_disk(out: str, size: int = 16 * _MIB) -> None:
    """Make a disk without a boot signature."""
    with open(out, "wb") as stream:
        stream.truncate(size)


def signature(path: str) -> bool:
    """Whether the disk has a boot signature (55 aa at 510)."""
    with open(path, "rb") as stream:
        sector = stream.read(_SECTOR)
    return len(sector) == _SECTOR and struct.unpack_from("<H", sector, 510)[0] == 0xAA55


def main(argv: Sequence[str]) -> int:
    """The command line."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(prog="guest_disk.py", description="Makes disks for the guests of the lab.")
    parser.add_argument("kind", choices=("linux", "netboot", "light", "blank"))
    parser.add_argument("out")
    parser.add_argument("behaviour", nargs="?", default="{}")
    parser.add_argument("--cache", default=os.path.join(here, "..", "..", "build", "guest-disk"))
    given = parser.parse_args(argv)
    try:
        if given.kind == "linux":
            linux_disk(given.out, os.path.abspath(given.cache))
        elif given.kind == "netboot":
            netboot(given.out, os.path.abspath(given.cache))
        elif given.kind == "light":
            light_disk(given.out, **json.loads(given.behaviour))
        else:
            blank_disk(given.out)
    except DiskError as error:
        print(f"guest_disk.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
