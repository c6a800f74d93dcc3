# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loader hands to the kernel: its environment, the tunables, the modules of loader.conf(5).

Volatile state begins with it: the first command that asks for a variable or a module after the power came on reads
/boot/loader.conf (rc(8) does so before anything else), and what is written there later counts at the next boot.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List

from .. import paths, state
from . import sysctl_table, sysctl_values

_LINE = re.compile(r'^\s*([A-Za-z0-9_.%-]+)\s*=\s*"?([^"#]*)"?')


def loader_conf() -> Dict[str, str]:
    """The variables of loader.conf, loader.conf.d and loader.conf.local; the last one counts."""
    found: Dict[str, str] = {}
    boot = paths.root("/boot")
    files = [f"{boot}/loader.conf"]
    if os.path.isdir(f"{boot}/loader.conf.d"):
        extra = sorted(os.listdir(f"{boot}/loader.conf.d"))
        files += [f"{boot}/loader.conf.d/{name}" for name in extra if name.endswith(".conf")]
    files.append(f"{boot}/loader.conf.local")
    for path in files:
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                match = _LINE.match(line)
                if match and not line.lstrip().startswith("#"):
                    found[match.group(1)] = match.group(2).strip()
    return found


def _modules(conf: Dict[str, str], build: Dict[str, Any]) -> List[str]:
    names = []
    for name, value in conf.items():
        if name.endswith("_load") and value.lower() == "yes":
            module = name[: -len("_load")]
            names.append(conf.get(f"{module}_name", module))
    # A host whose root is a pool cannot have started without it.
    if build.get("zfs", False) and "zfs" not in names:
        names.insert(0, "zfs")
    return names


def start() -> None:
    """Make the volatile state of a host that has just been switched on; nothing if it is there."""
    if state.peek("kernel", "kenv"):
        return
    with state.lock(), state.kernel("kenv") as kenv:
        if kenv:
            return
        from ..pci import bus
        from . import klds

        build = sysctl_values.settings()
        conf = loader_conf()
        kenv["values"] = {
            "acpi.oem": "INTEL ",
            "bootfile": "kernel",
            "kernel": "kernel",
            "kernelname": "/boot/kernel/kernel",
            "kernel_path": "/boot/kernel",
            "module_path": "/boot/kernel;/boot/modules",
            "hint.uart.0.at": "isa",
            "smbios.system.maker": "Apiary",
            "smbios.system.product": "Stand-in",
            "smbios.system.uuid": str(build.get("hostuuid", "")),
            "vfs.root.mountfrom": "zfs:zroot/ROOT/default" if build.get("zfs", False) else "ufs:/dev/gpt/rootfs",
            **conf,
        }
        tunables = {name: variable for name, variable in sysctl_table.variables().items() if variable.tunable}
        with state.kernel("sysctl") as doc:
            doc["values"] = {name: value for name, value in conf.items() if name in tunables}
        for name in _modules(conf, build):
            klds.load_at_boot(name)
        bus.probe(kenv["values"])
