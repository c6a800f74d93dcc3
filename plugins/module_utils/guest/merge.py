# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for, laid over what is declared already: the options of one guest to a whole Guest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import (
    Present,
    Removed,
    merge_disks,
    text_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.merge import merge_nics
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.passthru.merge import merge_passthru
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.presets import PRESETS
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.merge import merge_pxe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import (
    PLAIN,
    Boot,
    Guest,
    Loader,
    Ready,
    Vnc,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size


@dataclass(frozen=True)
class Merged:
    """The guest as it is to be, and the disks that it loses."""

    guest: Guest
    removed: Tuple[Removed, ...] = ()


def merge(
    base: Optional[Guest], options: Mapping[str, Any], with_zfs: bool, present: Optional[Mapping[str, Present]] = None
) -> Merged:
    """Lay a task's options over ``base``; without one, over the defaults of the guest's ``os``.

    None keeps, the empty value unsets; elements of ``disks`` and ``nics`` are matched by name and added to what is
    there, unless ``exact`` is set. ``present`` has the disks that are on the host now. BadInput names guest and
    option.
    """
    name = options["name"]
    where = f"guest {name}: "
    guest = base if base is not None else _fresh(options, where)
    given = {key: options[key] for key in PLAIN if options.get(key) is not None}
    if options.get("os"):
        given["os"] = options["os"]
    if options.get("memory") is not None:
        given["memory"] = parse_size(options["memory"], f"{where}memory")
    if options.get("tags") is not None:
        given["tags"] = tuple(dict.fromkeys(options["tags"]))
    guest = replace(guest, **given)
    exact = bool(options.get("exact"))
    guest = _merge_sections(guest, options, where, exact)
    guest, removed = merge_disks(guest, options.get("disks"), exact, with_zfs, present or {})
    guest = merge_nics(guest, options.get("nics"), exact)
    guest = merge_passthru(guest, options.get("passthru"), where, exact)
    guest = replace(guest, pxe=merge_pxe(guest.pxe, options.get("pxe")))
    return Merged(guest, removed)


def _fresh(options: Mapping[str, Any], where: str) -> Guest:
    if options.get("memory") is None:
        raise BadInput(f"{where}memory is needed to make the guest, for instance memory: 2G")
    os = options.get("os") or "other"
    preset = PRESETS[os]
    return Guest(
        name=options["name"],
        os=os,
        memory=0,
        rtc=preset.rtc,
        ignore_msr=preset.ignore_msr,
        rng=preset.rng,
    )


def _merge_sections(guest: Guest, options: Mapping[str, Any], where: str, exact: bool) -> Guest:
    changes: Dict[str, Any] = {}
    uefi = options.get("uefi") or {}
    if uefi.get("code") is not None:
        changes["uefi_code"] = uefi["code"]
    if uefi.get("vars") is not None:
        changes["uefi_vars"] = uefi["vars"]
    console = options.get("console") or {}
    for port in ("com1", "com2"):
        if console.get(port) is not None:
            changes[port] = console[port]
    if options.get("loader") is not None:
        changes["loader"] = _merge_loader(guest.loader, options["loader"])
    if options.get("vnc") is not None:
        changes["vnc"] = _merge_vnc(guest.vnc, options["vnc"], where)
    if options.get("boot") is not None:
        changes["boot"] = _merge_boot(guest.boot, options["boot"], where)
    if options.get("options") is not None:
        changes["options"] = _merge_keys(guest.options, options["options"], exact)
    return replace(guest, **changes)


def _merge_loader(base: Loader, given: Mapping[str, Any]) -> Loader:
    changes = {key: given[key] for key in ("disk", "host_path", "program") if given.get(key) is not None}
    if given.get("env") is not None:
        changes["env"] = tuple(sorted((str(key), text_of(value)) for key, value in given["env"].items()))
    return replace(base, **changes)


def _merge_vnc(base: Optional[Vnc], given: Mapping[str, Any], where: str) -> Optional[Vnc]:
    if given.get("state") == "absent":
        return None
    names = ("address", "password", "resolution", "wait", "keyboard", "tablet")
    changes: Dict[str, Any] = {key: given[key] for key in names if given.get(key) is not None}
    if given.get("port") is not None:
        changes["port"] = _vnc_port(given["port"], where)
    return replace(base or Vnc(), **changes)


def _vnc_port(text: str, where: str) -> int:
    if text in ("auto", ""):
        return 0
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise BadInput(f"{where}vnc.port: {text!r} is neither auto nor a port from 1 to 65535")
    return int(text)


def _merge_boot(base: Boot, given: Mapping[str, Any], where: str) -> Boot:
    changes = {key: given[key] for key in ("autostart", "order", "delay", "shutdown") if given.get(key) is not None}
    if given.get("after") is not None:
        changes["after"] = tuple(dict.fromkeys(given["after"]))
    if given.get("ready") is not None:
        changes["ready"] = _merge_ready(base.ready, given["ready"], where)
    return replace(base, **changes)


def _merge_ready(base: Optional[Ready], given: Mapping[str, Any], where: str) -> Optional[Ready]:
    values = {key: given[key] for key in ("address", "tcp", "timeout") if given.get(key) is not None}
    if values.get("tcp") == 0 or values.get("address") == "":
        return None
    if base is not None:
        return replace(base, **values)
    if "tcp" not in values or "address" not in values:
        raise BadInput(f"{where}boot.ready needs an address and a tcp port to look at")
    return Ready(**values)


def _merge_keys(
    base: Tuple[Tuple[str, str], ...], given: Mapping[str, Any], exact: bool
) -> Tuple[Tuple[str, str], ...]:
    """``options``: {} clears, a key with '' goes, others are added; with ``exact`` only what is given stays."""
    keys = {} if exact or not given else dict(base)
    for key, value in given.items():
        keys[str(key)] = text_of(value)
    return tuple(sorted((key, value) for key, value in keys.items() if value != ""))
