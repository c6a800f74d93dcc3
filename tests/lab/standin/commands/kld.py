# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kldload(8), kldunload(8), kldstat(8), kldconfig(8), kldxref(8)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import List, Optional, Sequence, Set

from .. import state
from ..pci import bus
from ..system import cli, klds
from ..system.klds import Loaded

PATHS = ("/sbin/kldload", "/sbin/kldunload", "/sbin/kldstat", "/sbin/kldconfig", "/usr/sbin/kldxref")
_MODULE_PATH = "/boot/kernel;/boot/modules;/boot/dtb;/boot/dtb/overlays"
#: Files that cannot be unloaded while an interface cloner, a mount or a tty of theirs is in use.
_NEVER = {"bridgestp"}


def _load_usage() -> int:
    print("usage: kldload [-nqv] file ...", file=sys.stderr)
    return 1


def _load(argv: Sequence[str]) -> int:
    options, names = cli.options_or_usage(argv, "nqv", _load_usage)
    flags = {letter for letter, _value in options}
    if not names:
        return _load_usage()
    status = 0
    for name in names:
        problem = _load_one(name, flags)
        if problem:
            status = 1
            if "q" not in flags:
                cli.warn("kldload", problem)
    return status


def _load_one(name: str, flags: Set[str]) -> str:
    """Load a file; what went wrong, or nothing."""
    wanted = klds.bare(name)
    there = klds.in_kernel(wanted) or klds.loaded(wanted)
    if "/" in name and not name.startswith(("/boot/kernel/", "/boot/modules/")):
        if not os.path.exists(name):
            return f"can't load {name}: No such file or directory"
        return f"an error occurred while loading module {name}. Please check dmesg(8) for more details."
    if there:
        if "n" in flags:
            if "v" in flags:
                print(f"{name} is already loaded")
            return ""
        return f"can't load {name}: module already loaded or in kernel"
    try:
        number = klds.load(wanted)
        if wanted == "vmm":
            bus.driver_added()
    except KeyError:
        return f"can't load {name}: No such file or directory"
    if "v" in flags:
        print(f"Loaded {name}, id={number}")
    return ""


def _unload_usage() -> int:
    print("usage: kldunload [-fv] [-n] name", file=sys.stderr)
    print("       kldunload [-fv] -i id", file=sys.stderr)
    return 1


def _in_use(name: str) -> bool:
    """Whether the kernel would refuse: another file needs it, a guest or a console lives, a pool is imported."""
    if name in _NEVER or klds.needed_by(name):
        return True
    if name == "vmm":
        return _ppt_goes() or bool(os.path.isdir("/dev/vmm") and os.listdir("/dev/vmm"))
    if name == "nmdm":
        from .. import nmdm

        return nmdm.busy()
    if name.startswith("ng_"):
        from ..netgraph import store

        return store.type_in_use(name)
    if name == "zfs":
        return bool(state.peek("kernel", "zpool").get("imported"))
    return False


def _ppt_goes() -> bool:
    """Unloading vmm takes its drivers out first; while ppt(4) has a device the rest is refused, then and later on."""
    with state.kernel("kld") as doc:
        if bus.held():
            doc["ppt_dropped"] = True
        return bool(doc.get("ppt_dropped"))


def _destroy_interfaces(group: str) -> None:
    """Unloading a cloner takes its interfaces along."""
    listed = subprocess.run(["/sbin/ifconfig", "-g", group], stdout=subprocess.PIPE, check=False, text=True).stdout
    for name in listed.split():
        subprocess.run(["/sbin/ifconfig", name, "destroy"], stderr=subprocess.DEVNULL, check=False)


def _unload(argv: Sequence[str]) -> int:
    options, names = cli.options_or_usage(argv, "fi:n:v", _unload_usage)
    flags = {letter for letter, _value in options}
    names = [*names, *(value for letter, value in options if letter == "n")]
    for letter, value in options:
        if letter == "i":
            names += [line.name for line in klds.table() if str(line.id) == value] or [value]
    if not names:
        return _unload_usage()
    status = 0
    for name in names:
        line = klds.find(name)
        if line is None:
            cli.warn("kldunload", f"can't find file {name}")
            status = 1
            continue
        wanted = klds.bare(line.name)
        if wanted == "kernel" or _in_use(wanted):
            cli.warn("kldunload", "can't unload file: Device busy")
            status = 1
            continue
        if wanted in ("if_bridge", "if_epair", "if_vxlan"):
            _destroy_interfaces(wanted[len("if_") :])
        if "v" in flags:
            print(f"Unloading {line.name}, id={line.id}")
        klds.unload(wanted)
    return status


def _stat_usage() -> int:
    print("usage: kldstat [-h] [-q] [-v] [-d] [-i id] [-n filename]", file=sys.stderr)
    print("       kldstat [-q] [-d] [-m modname]", file=sys.stderr)
    return 1


def _human(size: int) -> str:
    """humanize_number(3) in five characters, powers of 1024, rounded."""
    value, units = float(size), ["B", "K", "M", "G"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1024, units[1:]
    text = f"{value:.1f}" if round(value, 1) < 9.95 and units[0] != "B" else f"{value:.0f}"
    return text + units[0]


def _line(line: Loaded, human: bool) -> str:
    size = f"{_human(line.size):>5}" if human else f"{line.size:8x}"
    return f"{line.id:2d} {line.references:4d} 0x{line.address:x} {size} {line.name}"


def _modules_of(line: Loaded) -> List[str]:
    if line.name == "kernel":
        return [f"\t\t{number:3d} {name}" for name, number in sorted(klds.BUILT_IN.items(), key=lambda item: -item[1])]
    names = klds.module_names(klds.bare(line.name))
    return [f"\t\t{236 + line.id * 4 + index:3d} {name}" for index, name in enumerate(names)]


def _stat(argv: Sequence[str]) -> int:
    options, rest = cli.options_or_usage(argv, "dhi:m:n:qv", _stat_usage)
    flags = {letter for letter, _value in options}
    given = dict(options)
    if rest:
        return _stat_usage()
    quiet = "q" in flags
    if "m" in given:
        return _stat_module(given["m"], quiet)
    if "n" in given:
        line: Optional[Loaded] = klds.find(given["n"])
        if line is None:
            if not quiet:
                cli.warn("kldstat", f"can't find file {given['n']}: No such file or directory")
            return 1
        lines = [line]
    elif "i" in given:
        lines = [line for line in klds.table() if str(line.id) == given["i"]]
        if not lines:
            if not quiet:
                cli.warn("kldstat", f"can't find id {given['i']}: No such file or directory")
            return 1
    else:
        lines = klds.table()
    if quiet:
        return 0
    human = "h" in flags
    print("Id Refs Address" + ("Size" if human else "   Size").rjust(17 if human else 20) + " Name")
    for line in lines:
        text = _line(line, human)
        if "v" not in flags:
            print(text)
            continue
        path = "/boot/kernel/kernel" if line.name == "kernel" else f"/boot/kernel/{line.name}"
        print(f"{text} ({path})")
        print("\tContains modules:")
        print("\t\t Id Name")
        for module in _modules_of(line):
            print(module)
    return 0


def _stat_module(name: str, quiet: bool) -> int:
    if not klds.module_loaded(name):
        if not quiet:
            cli.warn("kldstat", f"can't find module {name}: No such file or directory")
        return 1
    if not quiet:
        number = klds.BUILT_IN.get(name)
        if number is None:
            line = next(line for line in klds.table() if name in klds.module_names(klds.bare(line.name)))
            number = 236 + line.id * 4 + klds.module_names(klds.bare(line.name)).index(name)
        print("Id  Refs Name")
        print(f"{number:3d} {1:4d} {name}")
    return 0


def main(argv: Sequence[str]) -> int:
    if argv[0] == "kldload":
        return _load(argv)
    if argv[0] == "kldunload":
        return _unload(argv)
    if argv[0] == "kldstat":
        return _stat(argv)
    if argv[0] == "kldconfig" and list(argv[1:]) == ["-r"]:
        print(_MODULE_PATH)
        return 0
    if argv[0] == "kldxref" and len(argv) > 1 and not argv[1].startswith("-"):
        # The hints of a directory; nothing here reads them.
        return 0
    cli.not_built(argv[0], " ".join(argv[1:]) or "its usage")
