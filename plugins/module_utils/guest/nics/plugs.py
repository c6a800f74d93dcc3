# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a NIC is plugged into, and how bhyve(8) and the runtime are told of it.

A NIC on a bridge, or on nothing, has a tap of its own, which the runtime makes. On a VALE switch it has a port that
bhyve makes when it opens it, on a netgraph bridge a link that bhyve connects; both are gone when bhyve ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.host_side import option_words
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import AUTO, Guest, Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes

TAP = "tap"
VALE = "vale"
NETGRAPH = "netgraph"

_PORT = re.compile(r"^pci\.[0-9.]+\.(?:backend=vale\w*:|peerhook=link)([0-9]+)$", re.MULTILINE)
#: The hook of bhyve's own netgraph socket, bhyve(8)'s default.
_HOOK = "vmlink"


@dataclass(frozen=True)
class Outlet:
    """What a NIC is plugged into.

    ``interface`` is the kernel's name: of a bridge ('' for none) with kind ``tap``, else of the VALE switch or the
    netgraph node. ``switch`` is the name by which VALE switches and netgraph nodes are declared.
    """

    kind: str = TAP
    interface: str = ""
    switch: str = ""


@dataclass(frozen=True)
class Plug:
    """A NIC's end of it: the number of its tap, of its VALE port or of its link, which this host has given it."""

    outlet: Outlet
    number: int

    @property
    def name(self) -> str:
        """What the kernel calls it: ``tap1000``, ``vale0:1000``, ``lan:link1000``."""
        if self.outlet.kind == VALE:
            return f"{self.outlet.interface}:{self.number}"
        return f"{self.outlet.interface}:link{self.number}" if self.outlet.kind == NETGRAPH else f"tap{self.number}"


def declared_outlet(switch: str, switches: Mapping[str, Mapping[str, Any]]) -> Optional[Outlet]:
    """The VALE switch or netgraph node that is declared by this name; None if it is none of these.

    ``switches`` are those of host.json. UnknownState for a record without a kernel name.
    """
    known = switches.get(switch)
    kind = known.get("type") if known is not None else None
    if known is None or kind not in (VALE, NETGRAPH):
        return None
    interface = known.get("interface")
    if not isinstance(interface, str) or not interface:
        raise UnknownState(f"the switch {switch} cannot be used: host.json does not say what the kernel calls it")
    return Outlet(str(kind), interface, switch)


def chosen_switch(nic: Nic, before: Optional[Nic], switches: Mapping[str, Mapping[str, Any]], at: str) -> str:
    """The switch that ``auto`` means: that which the NIC has already, else the only one that is declared. BadInput."""
    if nic.switch != AUTO:
        return nic.switch
    if before is not None and before.switch in switches:
        return before.switch
    if len(switches) == 1:
        return next(iter(switches))
    known = f"{len(switches)} ({', '.join(sorted(switches))})" if switches else "none"
    raise BadInput(f"{at}switch: auto is the only switch that is declared on the host, and it has {known}; name one")


def backend_keys(plug: Plug) -> Dict[str, str]:
    """The keys of bhyve_config(5) below the device that say what the NIC is plugged into (bhyve(8), -s)."""
    if plug.outlet.kind != NETGRAPH:
        return {"backend": plug.name}
    return {
        "backend": NETGRAPH,
        "path": f"{plug.outlet.interface}:",
        "peerhook": f"link{plug.number}",
        "hook": _HOOK,
        # The name of bhyve's socket, a node of which there is one on the host.
        "socket": f"apiary{plug.number}",
    }


def held_ports(confs: Iterable[Optional[str]]) -> Set[int]:
    """The numbers of the ports that guests have which run by these files, whatever is declared for their next boot."""
    return {int(number) for conf in confs for number in _PORT.findall(conf or "")}


def outlet_of_keys(keys: Mapping[str, str], device: str) -> Optional[Outlet]:
    """The inverse of backend_keys() for VALE and netgraph, where ``keys`` has such a NIC at ``device`` (pci.B.S.F)."""
    backend = keys.get(f"{device}.backend", "")
    if backend == NETGRAPH:
        return Outlet(NETGRAPH, keys.get(f"{device}.path", "").rstrip(":"))
    name, colon, _port = backend.partition(":")
    return Outlet(VALE, name) if colon and name.startswith(VALE) else None


def nic_line(nic: Nic, plug: Plug) -> str:
    """The NIC in the variable ``nics`` of guest.rc, '' if it has no tap that the runtime has to make."""
    if plug.outlet.kind != TAP:
        return ""
    words = option_words(nic)
    if plug.outlet.interface:
        words += ["private"] if nic.private else []
        words += [f"untagged:{nic.vlan}"] if nic.vlan else []
        # Commas are between the words already.
        words += [f"tagged:{'+'.join(nic.tagged)}"] if nic.tagged else []
    fields = [plug.name, nic.name, plug.outlet.interface or "-", str(nic.mtu or "-")]
    return " ".join([*fields, ",".join(words)] if words else fields)


def lanes_of(nic: Nic) -> Lanes:
    """The VLANs of the NIC's tap in its bridge."""
    return Lanes(nic.vlan, ",".join(nic.tagged))


@dataclass(frozen=True)
class NicLine:
    """A line of the variable ``nics``: '' and () where there is nothing."""

    bridge: str
    mtu: str
    host_address: str = ""
    route: Tuple[str, ...] = ()


def nic_lines(variables: Mapping[str, str]) -> Dict[str, NicLine]:
    """The lines of ``nics`` by NIC; what is none is passed over."""
    found: Dict[str, NicLine] = {}
    for line in variables.get("nics", "").splitlines():
        fields = line.split()
        if len(fields) not in (4, 5):
            continue
        words = [word.partition(":") for word in fields[4].split(",")] if len(fields) == 5 else []
        found[fields[1]] = NicLine(
            bridge="" if fields[2] == "-" else fields[2],
            mtu="" if fields[3] == "-" else fields[3],
            host_address=next((value for name, _colon, value in words if name == "address"), ""),
            route=tuple(value for name, _colon, value in words if name == "route"),
        )
    return found


def switch_lines(plugs: Iterable[Plug]) -> str:
    """The variable ``switches`` of guest.rc: what has to be there before the guest starts, KIND KERNELNAME SWITCH."""
    outlets = (plug.outlet for plug in plugs if plug.outlet.kind != TAP and plug.outlet.switch)
    lines = (f"{outlet.kind} {outlet.interface} {outlet.switch}" for outlet in outlets)
    return "\n".join(dict.fromkeys(lines))


def plugs_now(guest: Guest, allocations: Allocations) -> Dict[str, Plug]:
    """The plugs of a guest as it is, by its record; which bridge a tap is in is not looked up."""
    outlets = {nic.name: declared_outlet(nic.switch, allocations.switches) or Outlet() for nic in guest.nics}
    return plugs_of(guest.name, outlets, allocations.of(guest.name))


def plugs_of(guest: str, outlets: Mapping[str, Outlet], own: Allocations) -> Dict[str, Plug]:
    """Each NIC's plug, as far as the host has given it a number."""
    result: Dict[str, Plug] = {}
    for nic, outlet in outlets.items():
        number = (own.taps if outlet.kind == TAP else own.ports).get(f"{guest}/{nic}")
        if number is not None:
            result[nic] = Plug(outlet, number)
    return result
