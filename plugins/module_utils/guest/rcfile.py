# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest.rc: what the runtime on the host needs to know of a guest, as sh variables."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.config import disk_keys, disk_path, words
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout, nmdm
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import Plug, nic_line, switch_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pci import FBUF
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.device import boot_keys
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ONCE, Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

SCHEMA = "1"

#: Variables by which a guest boots.
AT_BOOT = (
    "loader",
    "bhyveload_args",
    "bhyve_args",
    "install_disk",
    "install_args",
    "install_bhyveload_args",
    "ahci_sizes",
)

#: Variables that the runtime reads when the guest boots and uses later: another value waits too, but needs no restart.
POLICIES = ("on_reboot", "on_poweroff", "on_crash", "restart_limit", "restart_window", "stop_timeout")

_HEADER = "# {name}: for the apiary runtime, made by the Ansible collection apiary.bhyve. Changes by hand are undone.\n"
_LINE = re.compile(r"(?P<name>[a-z_]+)='(?P<value>(?:[^']|'\\'')*)'\n")

Variables = Dict[str, str]


def rc_variables(
    guest: Guest,
    identity: Identity,
    layout: Layout,
    owner: str,
    plugs: Mapping[str, Plug],
) -> Variables:
    """All variables of guest.rc. ``plugs`` says what each NIC is plugged into."""
    uefi = guest.firmware == "uefi"
    there = [disk for disk in guest.attached if not disk.is_empty]
    attached = [disk for disk in there if not disk.until_installed]
    install = [disk for disk in there if disk.until_installed]
    paths = [disk_path(disk, guest, layout) for disk in attached]
    first = guest.first_disk
    args: List[str] = []
    for disk in install:
        args += words(disk_keys(disk, guest, identity, layout))
    if guest.pxe is not None and guest.pxe.when == ONCE:
        args += words(boot_keys(guest, identity, layout))
    ready = guest.boot.ready
    return {
        "schema": SCHEMA,
        "name": guest.name,
        "owner": owner,
        "uuid": identity.uuid,
        "loader": guest.firmware,
        "bhyveload_args": "" if uefi else quoted(_bhyveload(guest, layout, "")),
        "bhyve_args": "",
        "install_disk": disk_path(first, guest, layout) if args and first is not None else "",
        "install_args": quoted(args),
        "install_bhyveload_args": (quoted(_bhyveload(guest, layout, install[0].path)) if install and not uefi else ""),
        "firstboot_args": quoted(_first_boot(guest)),
        "nics": "\n".join(filter(None, (nic_line(nic, plugs[nic.name]) for nic in guest.nics))),
        **_switches(plugs),
        "disks": "\n".join(paths),
        **_ahci_sizes(attached),
        "sockets": "\n".join(_sockets(guest)),
        "on_reboot": guest.on_reboot,
        "on_poweroff": guest.on_poweroff,
        "on_crash": guest.on_crash,
        "restart_limit": str(guest.restart_limit),
        "restart_window": str(guest.restart_window),
        "stop_timeout": str(guest.stop_timeout),
        "autostart": "YES" if guest.boot.autostart else "NO",
        "order": str(guest.boot.order),
        "delay": str(guest.boot.delay),
        "after": " ".join(guest.boot.after),
        "ready_address": ready.address if ready else "",
        "ready_tcp": str(ready.tcp) if ready else "",
        "ready_timeout": str(ready.timeout) if ready else "60",
        "shutdown": guest.boot.shutdown,
    }


def _ahci_sizes(attached: Sequence[Disk]) -> Variables:
    """The sizes that the guest sees for as long as it runs: nothing tells its ahci driver of another one."""
    sizes = [f"{disk.name} {format_size(disk.size)}" for disk in attached if disk.controller == "ahci-hd" and disk.size]
    return {"ahci_sizes": "\n".join(sizes)} if sizes else {}


def _switches(plugs: Mapping[str, Plug]) -> Variables:
    lines = switch_lines(plugs.values())
    return {"switches": lines} if lines else {}


def _bhyveload(guest: Guest, layout: Layout, iso: str) -> Tuple[str, ...]:
    """The words for bhyveload(8), which wants the same memory and wiring as bhyve."""
    args: List[str] = ["-m", format_size(guest.memory)]
    if guest.wires:
        args.append("-S")
    if guest.com1 == "nmdm":
        args += ["-c", nmdm(guest.name, 1, "A")]
    if guest.loader.program:
        args += ["-l", guest.loader.program]
    for key, value in guest.loader.env:
        args += ["-e", f"{key}={value}"]
    if iso:
        args += ["-d", iso]
    elif guest.loader.host_path:
        args += ["-h", guest.loader.host_path]
    else:
        disks = [disk for disk in guest.attached if not (disk.until_installed or disk.is_empty or disk.is_scsi)]
        disk = guest.disk(guest.loader.disk) if guest.loader.disk else next(iter(disks), None)
        if disk is not None:
            args += ["-d", disk_path(disk, guest, layout)]
    return tuple(args)


def _first_boot(guest: Guest) -> Tuple[str, ...]:
    # bhyve would wait for a VNC client at every boot, reboots included: so not in bhyve.conf.
    if guest.vnc is None or not guest.vnc.wait:
        return ()
    return words({f"pci.{FBUF}.wait": "true"})


def _sockets(guest: Guest) -> List[str]:
    """Sockets of virtio-console ports, which bhyve makes and never removes: the next start would fail on them."""
    consoles = {key[: -len("device")] for key, value in guest.options if value == "virtio-console"}
    pattern = re.compile(r"port\.\d+\.path")
    return [
        value
        for key, value in guest.options
        if any(key.startswith(console) and pattern.fullmatch(key[len(console) :]) for console in consoles)
    ]


def quoted(args: Sequence[str]) -> str:
    """Words for the shell's eval: each in single quotes."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in args)


def render(name: str, variables: Variables) -> str:
    """The text of guest.rc."""
    lines = [f"{key}='" + value.replace("'", "'\\''") + "'\n" for key, value in variables.items()]
    return _HEADER.format(name=name) + "".join(lines)


def parse(text: str) -> Variables:
    """The variables of a guest.rc as render() writes it; what was written in another way is not found."""
    return {match["name"]: match["value"].replace("'\\''", "'") for match in _LINE.finditer(text)}


def readable(variables: Variables) -> List[str]:
    """The variables as lines for a diff."""
    return [f"{key}='{value}'" for key, value in variables.items()]
