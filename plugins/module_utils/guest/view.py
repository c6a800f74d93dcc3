# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest as its options: what the modules return, what the diff shows. Valid input for bhyve_vm again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import nmdm
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import shown_dhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import TAP, Plug
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, PLAIN, Disk, Guest, Passthru
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import selector_of
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

Pending = Mapping[str, Tuple[str, str]]


def options_of(record: Record) -> Dict[str, Any]:
    """The options of a guest, without its state; the VNC password is left out, which as input keeps it."""
    guest, identity = record.guest, record.identity
    result: Dict[str, Any] = {"name": guest.name, "uuid": identity.uuid, "memory": format_size(guest.memory)}
    result.update({key: getattr(guest, key) for key in ("os", *PLAIN)})
    result.update(
        tags=list(guest.tags),
        uefi={"code": guest.uefi_code, "vars": guest.uefi_vars},
        loader={
            "disk": guest.loader.disk,
            "host_path": guest.loader.host_path,
            "program": guest.loader.program,
            "env": dict(guest.loader.env),
        },
        disks=[disk_options(disk, identity) for disk in guest.disks],
        nics=_nics(guest, identity),
        passthru=[_passthru(one) for one in guest.passthru],
        pxe=_pxe(guest),
        console={"com1": guest.com1, "com2": guest.com2},
        vnc=_vnc(guest),
        boot=_boot(guest),
        options=dict(guest.options),
    )
    return result


def disk_options(disk: Disk, identity: Identity) -> Dict[str, Any]:
    """The options of a disk, valid input again."""
    result: Dict[str, Any] = {
        "name": disk.name,
        "state": "detached" if disk.detached else "present",
        "backing": disk.backing,
        "controller": disk.controller,
        "nocache": disk.nocache,
        "sync": disk.sync,
        "nodelete": disk.nodelete,
        "ro": disk.ro,
    }
    if disk.backing == PATH:
        result["path"] = disk.path
    elif disk.size:
        result["size"] = format_size(disk.size)
    if disk.volblocksize:
        result["volblocksize"] = format_size(disk.volblocksize)
    if disk.sector_size:
        result["sector_size"] = disk.sector_size
    if disk.image:
        result["image"] = disk.image
    if disk.properties:
        result["properties"] = dict(disk.properties)
    if disk.boot_order:
        result["boot_order"] = disk.boot_order
    if not disk.is_scsi:
        result["serial"] = identity.serials[disk.name]
    if disk.is_cd:
        result["until_installed"] = disk.until_installed
    return result


def _nics(guest: Guest, identity: Identity) -> List[Dict[str, Any]]:
    return [
        {
            "name": nic.name,
            "state": "present",
            "model": nic.model,
            "switch": nic.switch,
            "mac": identity.macs[nic.name],
            "mtu": nic.mtu,
            "private": nic.private,
            "vlan": nic.vlan,
            "tagged": list(nic.tagged),
            "slot": nic.slot,
            "host_address": nic.host_address,
            "route": list(nic.route),
            "ip": nic.ip,
            "ip6": nic.ip6,
            "hostname": nic.hostname,
            "dhcp": shown_dhcp(nic.dhcp),
        }
        for nic in guest.nics
    ]


def _passthru(one: Passthru) -> Dict[str, Any]:
    return {
        "name": one.name,
        "state": "present",
        "selector": selector_of(one.place),
        "slot": one.slot.replace(".", ":"),
        "rom": one.rom,
    }


def _pxe(guest: Guest) -> Optional[Dict[str, Any]]:
    return None if guest.pxe is None else {"state": "present", **asdict(guest.pxe)}


def _vnc(guest: Guest) -> Optional[Dict[str, Any]]:
    vnc = guest.vnc
    if vnc is None:
        return None
    return {
        "state": "present",
        "port": str(vnc.port) if vnc.port else "auto",
        "address": vnc.address,
        "resolution": vnc.resolution,
        "wait": vnc.wait,
        "keyboard": vnc.keyboard,
        "tablet": vnc.tablet,
    }


def _boot(guest: Guest) -> Dict[str, Any]:
    boot = guest.boot
    ready = boot.ready
    return {
        "autostart": boot.autostart,
        "order": boot.order,
        "delay": boot.delay,
        "after": list(boot.after),
        "shutdown": boot.shutdown,
        "ready": None if ready is None else {"address": ready.address, "tcp": ready.tcp, "timeout": ready.timeout},
    }


def status_of(
    guest: Guest,
    run_state: str,
    plugs: Mapping[str, Plug],
    vnc_port: Optional[int],
    pending: Pending,
    details: Mapping[str, Any],
) -> Dict[str, Any]:
    """What can be told of a guest and not asked for. ``details``: what only a live host knows (pid, uptime …)."""
    ports = ((1, guest.com1), (2, guest.com2))
    result: Dict[str, Any] = {
        "run_state": run_state,
        "foreign": False,
        "consoles": {f"com{port}": nmdm(guest.name, port, "B") for port, kind in ports if kind == "nmdm"},
        "taps": {nic: plug.name for nic, plug in plugs.items() if plug.outlet.kind == TAP},
        "ports": {nic: plug.name for nic, plug in plugs.items() if plug.outlet.kind != TAP},
        "reservations": {},
        "vnc": None,
        "pending": {key: {"running": values[0], "next": values[1]} for key, values in pending.items()},
        "pid": None,
        "uptime": None,
        "boot": None,
        "message": "",
        "exit": None,
        "origin": None,
        "stage": None,
    }
    if guest.vnc is not None and (guest.vnc.port or vnc_port):
        result["vnc"] = config.vnc_address(guest.vnc.address, guest.vnc.port or vnc_port or 0)
    result.update(details)
    return result


def origin_of(record: Optional[Record]) -> Optional[Dict[str, Any]]:
    """Whose clone a guest is; None if it is nobody's."""
    origin = record.origin if record is not None else None
    if origin is None:
        return None
    return {"clone_from": origin.option, "clone_mode": origin.mode, "complete": origin.complete}


def state_of(run_state: str) -> str:
    """The ``state`` option that asks for what is there now."""
    return "started" if run_state in ("running", "starting", "stopping") else "stopped"
