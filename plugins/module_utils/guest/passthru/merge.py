# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The element ``passthru`` of a task, laid over the devices of the host that a guest has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_part_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, Passthru
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import parse_place, selector_of

#: As bhyve(8) has it: slot, slot:function, bus:slot:function.
_SLOT = re.compile(r"(?:(?:(?P<bus>\d{1,3}):)?(?P<slot>\d{1,2}):(?P<function>\d))|(?P<only>\d{1,2})")


def merge_passthru(guest: Guest, given: Optional[Sequence[Mapping[str, Any]]], where: str, exact: bool) -> Guest:
    """The guest with the devices of a task, matched by name. BadInput."""
    if given is None:
        return guest
    check_once([item["name"] for item in given], f"{where}passthru")
    old = {one.name: one for one in guest.passthru}
    devices: Dict[str, Passthru] = {} if exact else dict(old)
    for item in given:
        name = check_part_name(item["name"], f"{where}passthru")
        if item.get("state") == "absent":
            devices.pop(name, None)
            continue
        devices[name] = _merged(old.get(name), item, f"{where}passthru {name}: ")
    seen: Dict[str, str] = {}
    for one in devices.values():
        if one.place in seen:
            raise BadInput(
                f"{where}passthru {one.name}: selector: {selector_of(one.place)} is {seen[one.place]} of this "
                "guest already"
            )
        seen[one.place] = one.name
    return replace(guest, passthru=tuple(devices.values()))


def _merged(base: Optional[Passthru], given: Mapping[str, Any], at: str) -> Passthru:
    changes: Dict[str, Any] = {}
    if given.get("selector"):
        changes["place"] = parse_place(given["selector"], f"{at}selector")
    if given.get("slot") is not None:
        changes["slot"] = _address(given["slot"], f"{at}slot")
    if given.get("rom") is not None:
        changes["rom"] = given["rom"]
    if base is not None:
        return replace(base, **changes)
    if "place" not in changes:
        raise BadInput(f"{at}selector is needed, the device of the host, for instance selector: pci0:4:0:0")
    return Passthru(name=given["name"], **changes)


def _address(text: str, option: str) -> str:
    if not text:
        return ""
    match = _SLOT.fullmatch(text)
    if match is None:
        raise BadInput(f"{option}: {text!r} is no place in the guest; write 6, 6:1 or 0:6:1 (bhyve(8), -s)")
    if match["only"]:
        return f"0.{int(match['only'])}.0"
    return f"{int(match['bus'] or 0)}.{int(match['slot'])}.{int(match['function'])}"
