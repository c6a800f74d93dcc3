# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what bhyve_vm and bhyve_vm_info tell of guests to the hosts of dhcpd_host."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible.errors import AnsibleFilterError
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import further_options, is_hostname

# In check mode a new guest has "to be allocated" in its place.
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_EMPTY: Dict[str, Any] = {"str": "", "int": 0, "dict": {}, "list": [], "bool": False}


def reservations(
    vms: Sequence[Mapping[str, Any]], *later: Sequence[Mapping[str, Any]], switches: Optional[Sequence[str]] = None
) -> List[Dict[str, Any]]:
    """The reservations of guests' NICs; a list that comes later says better how a guest is."""
    guests: Dict[str, Mapping[str, Any]] = {}
    try:
        for vm in (vm for some in (vms, *later) for vm in some):
            guests[vm["name"]] = vm
        return [one for name in sorted(guests) for one in _of_guest(guests[name], switches)]
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(
            f"apiary.bhyve.reservations: no list of guests as bhyve_vm returns them: {error!r}"
        ) from error


def _of_guest(vm: Mapping[str, Any], switches: Optional[Sequence[str]]) -> List[Dict[str, Any]]:
    own = (vm.get("status") or {}).get("reservations") or {}
    nics = [nic for nic in vm.get("nics") or () if _is_wanted(nic) and nic["name"] not in own]
    return [_host(vm["name"], nic) for nic in nics if not switches or nic["switch"] in switches]


def _is_wanted(nic: Mapping[str, Any]) -> bool:
    declares = any(nic.get(option) for option in ("ip", "ip6", "hostname", "dhcp"))
    return declares and bool(nic["switch"]) and _MAC.fullmatch(nic["mac"]) is not None


def _host(guest: str, nic: Mapping[str, Any]) -> Dict[str, Any]:
    given: Mapping[str, Any] = nic.get("dhcp") or {}
    # What is left out would stay as it was declared before.
    further = {key: given.get(key, _EMPTY[option["type"]]) for key, option in further_options().items()}
    return {
        "name": f"{guest}.{nic['name']}",
        "mac": nic["mac"],
        "ip": [nic["ip"]] if nic.get("ip") else [],
        "ip6": [nic["ip6"]] if nic.get("ip6") else [],
        "hostname": nic.get("hostname") or (guest if is_hostname(guest) else ""),
        **further,
    }


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"reservations": reservations}
