# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of NICs, laid over the NICs that a guest has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_part_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import (
    merge_dhcp,
    normal_hostname,
    normal_ip,
    normal_ip6,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.host_side import normal_address, normal_route
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.presets import PRESETS
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FURTHER, Guest, Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import parse_vlans
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import normalise_mac

_ADDRESSES = {"ip": normal_ip, "ip6": normal_ip6, "hostname": normal_hostname}
_PLAIN = ("model", "switch", "mtu", "private", "vlan", "slot")


def merge_nics(guest: Guest, given: Optional[Sequence[Mapping[str, Any]]], exact: bool) -> Guest:
    """The guest with the NICs of a task laid over its own, matched by name.

    With ``exact`` those that are not listed go. BadInput names guest, NIC and option.
    """
    if given is None:
        return guest
    where = f"guest {guest.name}: "
    check_once([item["name"] for item in given], f"{where}nics")
    old = {nic.name: nic for nic in guest.nics}
    nics = {} if exact else dict(old)
    for item in given:
        name = check_part_name(item["name"], f"{where}nics")
        if item["state"] == "absent":
            nics.pop(name, None)
            continue
        nics[name] = _merge_nic(old.get(name), item, guest.os, f"{where}nic {name}: ")
    return replace(guest, nics=tuple(nics.values()))


def _merge_nic(base: Optional[Nic], given: Mapping[str, Any], os: str, at: str) -> Nic:
    changes: Dict[str, Any] = {key: given[key] for key in _PLAIN if given.get(key) is not None}
    if given.get("mac") is not None:
        changes["mac"] = normalise_mac(given["mac"], f"{at}mac") if given["mac"] else ""
    if given.get("tagged") is not None:
        changes["tagged"] = _vlans(given["tagged"], f"{at}tagged")
    if given.get("host_address") is not None:
        changes["host_address"] = normal_address(given["host_address"], f"{at}host_address")
    if given.get("route") is not None:
        routes = (normal_route(str(text), f"{at}route") for text in given["route"])
        changes["route"] = tuple(dict.fromkeys(routes))
    for option, normal in _ADDRESSES.items():
        if given.get(option) is not None:
            changes[option] = normal(given[option], f"{at}{option}")
    if given.get("dhcp") is not None:
        changes["dhcp"] = merge_dhcp(base.dhcp if base is not None else FURTHER, given["dhcp"], at)
    if base is None:
        _check_plugged(changes, at)
        changes.setdefault("model", PRESETS[os].nic)
        return Nic(name=given["name"], **changes)
    return replace(base, **changes)


def _check_plugged(changes: Mapping[str, Any], at: str) -> None:
    """A new NIC's address is of a switch; one that is unplugged later keeps it for when it is plugged in again."""
    for option in ("ip", "ip6"):
        if changes.get(option) and not changes.get("switch"):
            raise BadInput(f"{at}{option}: the NIC is plugged into nothing that could serve it; give it a switch")


def _vlans(texts: Sequence[str], option: str) -> Tuple[str, ...]:
    vlans = parse_vlans(texts, option)
    return tuple(vlans.split(",")) if vlans else ()
