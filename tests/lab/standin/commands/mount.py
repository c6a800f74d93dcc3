# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mount(8) and umount(8), as far as they tell what is mounted or hand a dataset to zfs(8)."""

from __future__ import annotations

import subprocess
import sys
from typing import List, Sequence

from ..system import cli, mounts
from ..system.mounts import Mount

PATHS = ("/sbin/mount", "/sbin/umount")
_KINDS = ("ufs", "zfs", "devfs", "nullfs", "tmpfs", "procfs", "fdescfs", "msdosfs", "cd9660", "nfs", "unionfs")


def _tabs(text: str) -> str:
    """A column of fstab(5) as mount -p pads it."""
    if len(text) >= 24:
        return text + " "
    return text + "\t" * (3 - len(text) // 8)


def fstab_line(mount: Mount) -> str:
    """mount -p."""
    options = mount.options + ("\t" if len(mount.options) < 8 else " ")
    passes = "1 1" if mount.type == "ufs" else "0 0"
    return f"{_tabs(mount.source)}{_tabs(mount.directory)}{mount.type}\t{options}\t{passes}"


def _words(mount: Mount) -> List[str]:
    words = [word for word in mount.options.split(",") if word not in ("rw", "ro")]
    if mount.options.split(",")[0] == "ro":
        words.append("read-only")
    return [*(["local"] if mount.type != "devfs" else []), *words]


def _plain(mount: Mount) -> str:
    return f"{mount.source} on {mount.directory} ({', '.join([mount.type, *_words(mount)])})"


def _libxo(table: Sequence[Mount]) -> str:
    entries = []
    for mount in table:
        words = ",".join(f'"{word}"' for word in _words(mount))
        options = f', "opts": [{words}]' if words else ""
        names = f'"special":"{mount.source}","node":"{mount.directory}","fstype":"{mount.type}"'
        entries.append("{" + names + options + "}")
    return '{"mount": {"mounted": [' + ", ".join(entries) + "]}}"


def _usage() -> int:
    print("usage: mount [-adflnpruvw] [-F fstab] [-o options] [-t ufs | external_type]", file=sys.stderr)
    print("       mount [-dfpruvw] special | node", file=sys.stderr)
    print("       mount [-dfpruvw] [-o options] [-t ufs | external_type] special node", file=sys.stderr)
    return 1


def _mount(argv: Sequence[str]) -> int:
    words = list(argv)
    libxo = "--libxo" in words
    if libxo:
        at = words.index("--libxo")
        if words[at + 1 : at + 2] != ["json"]:
            cli.not_built("mount", "--libxo but json")
        del words[at : at + 2]
    options, operands = cli.options_or_usage(words, "adF:fLlno:prt:uvw", _usage)
    flags = {letter for letter, _value in options}
    kind = dict(options).get("t", "")
    if flags & set("aFuv"):
        cli.not_built("mount", "-a, -F, -u, -v")
    if not operands:
        table = [mount for mount in mounts.table() if not kind or mount.type in kind.split(",")]
        if libxo:
            print(_libxo(table))
        for mount in [] if libxo else table:
            print(fstab_line(mount) if "p" in flags else _plain(mount))
        return 0
    if len(operands) == 1 and not kind:
        cli.fail("mount", f"{operands[0]}: unknown special file or file system")
    if len(operands) != 2:
        return _usage()
    if kind == "zfs":
        return subprocess.run(["/sbin/zfs", "mount", operands[0]], check=False).returncode
    if kind and kind not in _KINDS:
        cli.fail("mount", f"{operands[0]}: Invalid fstype: Invalid argument")
    cli.not_built("mount", f"-t {kind or 'ufs'}")


def _umount_usage() -> int:
    print("usage: umount [-fNnv] special ... | node ... | fsid ...", file=sys.stderr)
    print("       umount -a | -A [-F fstab] [-fnv] [-h host] [-t type]", file=sys.stderr)
    return 1


def _umount(argv: Sequence[str]) -> int:
    options, operands = cli.options_or_usage(argv, "AaF:fh:Nnt:v", _umount_usage)
    flags = {letter for letter, _value in options}
    if flags & set("AaFht"):
        cli.not_built("umount", "-A, -a, -F, -h, -t")
    if not operands:
        return _umount_usage()
    status = 0
    for operand in operands:
        table = mounts.table()
        found = next((mount for mount in reversed(table) if operand in (mount.directory, mount.source)), None)
        if found is None:
            status = 1
            _unknown(operand)
        elif found.type == "zfs":
            force = ["-f"] if "f" in flags else []
            status |= subprocess.run(["/sbin/zfs", "unmount", *force, found.directory], check=False).returncode
        else:
            cli.not_built("umount", found.type)
    return status


def _unknown(operand: str) -> None:
    try:
        mounts.of_file(operand)
    except OSError as error:
        cli.warn("umount", f"{operand}: statfs: {cli.strerror(error)}")
        cli.warn("umount", f"{operand}: unknown file system")
        return
    cli.warn("umount", f"{operand}: not a file system root directory")


def main(argv: Sequence[str]) -> int:
    return _umount(argv) if argv[0] == "umount" else _mount(argv)
