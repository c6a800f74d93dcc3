# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a guest: one table for the flat form and for the elements of ``vms``.

Nothing has a default here: an option that is left out keeps what is there. Defaults are given once, at creation, by
``merge`` and ``presets``.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import further_options
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.presets import PRESETS
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ALWAYS, ONCE

STATES = ("present", "absent", "started", "stopped", "restarted")
POLICIES = ("destroy", "restart", "preserve")
SHUTDOWNS = ("stop", "suspend")
CONTROLLERS = ("virtio-blk", "nvme", "ahci-hd", "ahci-cd", "virtio-scsi")
BACKINGS = ("zvol", "sparse-zvol", "file", "sparse-file", "path")
NIC_MODELS = ("virtio-net", "e1000")
COM_PORTS = ("com1", "com2")
CONSOLES = ("nmdm", "none")


def disk_options() -> Dict[str, Any]:
    """The argument specification of an element of ``disks``."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "detached"], "default": "present"},
        "destroy": {"type": "bool", "default": False},
        "backing": {"type": "str", "choices": list(BACKINGS)},
        "path": {"type": "path"},
        "image": {"type": "str"},
        "size": {"type": "str"},
        "volblocksize": {"type": "str"},
        "properties": {"type": "dict"},
        "controller": {"type": "str", "choices": list(CONTROLLERS)},
        "sector_size": {"type": "str"},
        "serial": {"type": "str"},
        "nocache": {"type": "bool"},
        "sync": {"type": "bool"},
        "nodelete": {"type": "bool"},
        "ro": {"type": "bool"},
        "boot_order": {"type": "int"},
        "until_installed": {"type": "bool"},
    }


def nic_options() -> Dict[str, Any]:
    """The argument specification of an element of ``nics``."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "model": {"type": "str", "choices": list(NIC_MODELS)},
        "switch": {"type": "str"},
        "mac": {"type": "str"},
        "mtu": {"type": "int"},
        "private": {"type": "bool"},
        "vlan": {"type": "int"},
        "tagged": {"type": "list", "elements": "str"},
        "slot": {"type": "int"},
        "host_address": {"type": "str"},
        "route": {"type": "list", "elements": "str"},
        "ip": {"type": "str"},
        "ip6": {"type": "str"},
        "hostname": {"type": "str"},
        "dhcp": {"type": "dict", "options": further_options()},
    }


def passthru_options() -> Dict[str, Any]:
    """The argument specification of an element of ``passthru``."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "selector": {"type": "str"},
        "slot": {"type": "str"},
        "rom": {"type": "path"},
    }


def vnc_options() -> Dict[str, Any]:
    """The argument specification of ``vnc``."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "port": {"type": "str"},
        "address": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "resolution": {"type": "str"},
        "wait": {"type": "bool"},
        "keyboard": {"type": "str", "no_log": False},
        "tablet": {"type": "bool"},
    }


def pxe_options() -> Dict[str, Any]:
    """The argument specification of ``pxe``."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "image": {"type": "str"},
        "nic": {"type": "str"},
        "script": {"type": "str"},
        "when": {"type": "str", "choices": [ONCE, ALWAYS]},
    }


def loader_options() -> Dict[str, Any]:
    """The argument specification of ``loader``."""
    return {
        "disk": {"type": "str"},
        "host_path": {"type": "path"},
        "program": {"type": "path"},
        "env": {"type": "dict"},
    }


def boot_options() -> Dict[str, Any]:
    """The argument specification of ``boot``."""
    ready = {"address": {"type": "str"}, "tcp": {"type": "int"}, "timeout": {"type": "int"}}
    return {
        "autostart": {"type": "bool"},
        "order": {"type": "int"},
        "delay": {"type": "int"},
        "after": {"type": "list", "elements": "str"},
        "ready": {"type": "dict", "options": ready},
        "shutdown": {"type": "str", "choices": list(SHUTDOWNS)},
    }


def guest_options() -> Dict[str, Any]:
    """The argument specification of one guest."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": list(STATES)},
        "description": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "uuid": {"type": "str"},
        "os": {"type": "str", "choices": list(PRESETS)},
        "clone_from": {"type": "str"},
        "clone_mode": {"type": "str", "choices": ["clone", "copy"]},
        "promote": {"type": "bool"},
        "rename_from": {"type": "str"},
        "memory": {"type": "str"},
        "wired": {"type": "bool"},
        "cpus": {"type": "int"},
        "sockets": {"type": "int"},
        "cores": {"type": "int"},
        "threads": {"type": "int"},
        "firmware": {"type": "str", "choices": ["uefi", "bhyveload"]},
        "uefi": {"type": "dict", "options": {"code": {"type": "path"}, "vars": {"type": "path"}}},
        "loader": {"type": "dict", "options": loader_options()},
        "disks": {"type": "list", "elements": "dict", "options": disk_options()},
        "nics": {"type": "list", "elements": "dict", "options": nic_options()},
        "passthru": {"type": "list", "elements": "dict", "options": passthru_options(), "no_log": False},
        "pxe": {"type": "dict", "options": pxe_options()},
        "console": {
            "type": "dict",
            "options": {port: {"type": "str", "choices": list(CONSOLES)} for port in COM_PORTS},
        },
        "vnc": {"type": "dict", "options": vnc_options()},
        "rtc": {"type": "str", "choices": ["utc", "localtime"]},
        "rng": {"type": "bool"},
        "ignore_msr": {"type": "bool"},
        "hostbridge": {"type": "str", "choices": ["hostbridge", "amd_hostbridge"]},
        "lpc_slot": {"type": "int"},
        "on_poweroff": {"type": "str", "choices": list(POLICIES)},
        "on_reboot": {"type": "str", "choices": list(POLICIES)},
        "on_crash": {"type": "str", "choices": list(POLICIES)},
        "restart_limit": {"type": "int"},
        "restart_window": {"type": "int"},
        "stop_timeout": {"type": "int"},
        "boot": {"type": "dict", "options": boot_options()},
        "options": {"type": "dict"},
        "protected": {"type": "bool"},
        "restart": {"type": "str", "choices": ["never", "if_needed"]},
        "destroy": {"type": "bool"},
        "force": {"type": "bool"},
        "exact": {"type": "bool"},
        "status": {"type": "dict"},
    }


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: one guest by its own options, or many by ``vms``."""
    return _form().spec()


def _form() -> Form:
    return Form("vms", "guest", guest_options())


def requests_of(params: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The guests of a task as a list, whichever form it has. BadInput when the forms are mixed."""
    return _form().elements(params)
