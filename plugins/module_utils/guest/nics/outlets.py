# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the NICs of a guest are plugged into on this host: declared switches, else bridges that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config, rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import (
    TAP,
    Outlet,
    declared_outlet,
    nic_lines,
    outlet_of_keys,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of, switch_tag
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface


def outlets_of(one: Desired, observed: Observed) -> Dict[str, Outlet]:
    """What each NIC is plugged into.

    A switch that is missing is an error (BadInput), but for a NIC that stays as it was while the guest stays off: then
    what was written before stands.
    """
    previous = _previous(one.seen)
    return {nic.name: _outlet(one, nic, observed, previous) for nic in one.guest.nics}


def _outlet(one: Desired, nic: Nic, observed: Observed, previous: Mapping[str, Outlet]) -> Outlet:
    if not nic.is_plugged:
        return Outlet()
    declared = declared_outlet(nic.switch, observed.allocations.switches)
    if declared is not None:
        return declared
    bridge = find_bridge(nic.switch, observed)
    if bridge is not None:
        return Outlet(TAP, bridge.name)
    if one.state == "stopped" and one.old is not None and one.old.nic(nic.name) == nic and nic.name in previous:
        return previous[nic.name]
    exists = observed.interfaces.get(nic.switch)
    problem = "is not a bridge" if exists is not None else "does not exist on this host"
    if nic.switch in observed.allocations.switches:
        problem = "is declared and its interface is not there: run the task that declares it"
    known = ", ".join(sorted({*observed.bridges, *observed.allocations.switches}))
    raise BadInput(
        f"guest {one.name}: nic {nic.name}: switch: {nic.switch} {problem}; "
        f"make it first, or name one that exists ({known or 'there is none'})"
    )


def find_bridge(switch: str, observed: Observed) -> Optional[Interface]:
    """The bridge that a NIC's ``switch`` means.

    The one tagged as that switch; else the one that was declared to be it (a bridge that is used as it is bears no
    tag); else the one of that name.
    """
    bridges = observed.bridges
    tag = switch_tag(switch)
    for bridge in bridges.values():
        if bridge.description == tag:
            return bridge
    declared = observed.allocations.switches.get(switch, {}).get("interface", switch)
    return bridges.get(declared)


def _previous(seen: ObservedGuest) -> Dict[str, Outlet]:
    """The outlets by NIC in the files of the next boot."""
    if seen.boot is None or seen.record is None:
        return {}
    lines = nic_lines(rcfile.parse(seen.boot.rc or ""))
    result = {nic: Outlet(TAP, line.bridge) for nic, line in lines.items()}
    keys = config.parse(seen.boot.conf or "")
    for nic in seen.record.guest.nics:
        outlet = outlet_of_keys(keys, f"pci.{seen.record.identity.slots.get('nic/' + nic.name, '')}")
        if outlet is not None:
            result[nic.name] = replace(outlet, switch=nic.switch)
    return result


def tap_bridge(one: Desired, nic: str, tap: str, observed: Observed) -> Tuple[bool, Optional[str]]:
    """Whether a NIC's tap exists with our tag, and the bridge that it is in."""
    interface = observed.interfaces.get(tap)
    if interface is None or interface.description != tap_description(one.name, nic):
        return False, None
    return True, bridge_of(observed.bridges, tap)
