# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VALE switches there are to be: what a task says over what is recorded, and what is given to new ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Collection, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request as Common
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import parse_request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.choices import interface_of, mac_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import Asked
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import Ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import ValeSwitch, pair_of

FIRST_PAIR = 1000
_LAST_PAIR = 32767
#: A port is named SWITCH:NUMBER, of at most 15 characters (IFNAMSIZ), and bhyve cuts a longer one without a word.
_INTERFACE = re.compile(r"vale(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True)
class Request:
    """One switch of a task; None: not said. ``common`` are the options that other kinds have as well."""

    common: Common
    interface: Optional[str] = None
    host_stack: Optional[bool] = None

    @property
    def name(self) -> str:
        """The switch's."""
        return self.common.name


def parse(asked: Asked) -> Request:
    """One switch of a task. BadInput, naming the option."""
    options = {key: value for key, value in asked.options.items() if key not in ("interface", "host_stack")}
    state = "present" if asked.present else "absent"
    common = parse_request({**options, "name": asked.name, "state": state})
    interface = asked.options.get("interface")
    if interface is not None and not _INTERFACE.fullmatch(interface):
        raise BadInput(
            f"switch {asked.name}: interface: {interface!r}; the kernel's name of a VALE switch is vale and a number, "
            "such as vale0"
        )
    host_stack = asked.options.get("host_stack")
    if host_stack is not None and common.uplink == "":
        raise BadInput(f"switch {asked.name}: host_stack: is about the uplink, and the task says that there is none")
    return Request(common, interface, host_stack)


def needs_limit(requests: Sequence[Request], switches: Mapping[str, ValeSwitch]) -> bool:
    """Whether a task makes a switch, of which the kernel has only so many."""
    return any(request.common.present and request.name not in switches for request in requests)


def needs_number(requests: Sequence[Request], switches: Mapping[str, ValeSwitch]) -> bool:
    """Whether a number for an epair is given out, which then must not be one that rc.conf uses."""
    return any(
        request.common.present
        and bool(request.common.addresses)
        and not (request.name in switches and switches[request.name].host_interface)
        for request in requests
    )


@dataclass(frozen=True)
class Around:
    """What new switches must keep clear of: all records, interfaces, ports, what rc.conf clones; and the default route.

    ``limit``: how many VALE switches the kernel can have.
    """

    records: Mapping[str, Mapping[str, Any]]
    interfaces: Mapping[str, Interface]
    ports: Ports
    cloned: Collection[str]
    default: Optional[str]
    limit: int


def resolve(
    requests: Sequence[Request], switches: Mapping[str, ValeSwitch], around: Around
) -> List[Desired[ValeSwitch]]:
    """The switches of the task in its order."""
    taken = {str(record.get("interface")) for record in around.records.values()} | set(around.ports)
    taken |= {request.interface for request in requests if request.interface}
    pairs: Set[str] = {re.sub(r"[ab]\Z", "", name) for name in around.interfaces if name.startswith("epair")}
    pairs |= {*around.cloned, *(pair_of(str(one.get("host_interface") or "-")) for one in around.records.values())}
    found: List[Desired[ValeSwitch]] = []
    for request in requests:
        old = switches.get(request.name)
        if not request.common.present:
            found.append(Desired(request.name, old, None))
            continue
        base = old or ValeSwitch(request.name, request.interface or _lowest(request.name, taken, around.limit))
        if request.interface is not None and request.interface != base.interface:
            raise BadInput(
                f"switch {request.name}: interface: it is {base.interface} already, which guests are plugged into; to "
                f"have {request.interface} make the switch absent first"
            )
        new = _merged(request, base, around)
        if new.addresses and not new.host_interface:
            new = replace(new, host_interface=f"{_lowest_pair(pairs)}b")
        taken.add(new.interface)
        pairs.add(pair_of(new.host_interface or "-"))
        found.append(Desired(request.name, old, new))
    _check_limit(found, switches, around)
    return found


def _lowest(name: str, taken: Collection[str], limit: int) -> str:
    for number in range(limit):
        if f"vale{number}" not in taken:
            return f"vale{number}"
    raise BadInput(
        f"switch {name}: the kernel has no more than {limit} VALE switches, and all are in use; "
        "dev.netmap.max_bridges in /boot/loader.conf allows more from the next boot on"
    )


def _check_limit(desired: Sequence[Desired[ValeSwitch]], switches: Mapping[str, ValeSwitch], around: Around) -> None:
    """BadInput where the kernel would have too many, should all of them have ports. Others' count while they have."""
    there = {*switches, *(one.name for one in desired)} - {one.name for one in desired if one.new is None}
    ours = {one.interface for one in switches.values()} | {one.new.interface for one in desired if one.new is not None}
    others = sorted(set(around.ports) - ours)
    count = len(there) + len(others)
    if around.limit and count > around.limit:
        beside = f" with {', '.join(others)} of somebody else" if others else ""
        raise BadInput(
            f"switch {desired[-1].name}: there would be {count} VALE switches{beside}, and the kernel has "
            f"no more than {around.limit}; dev.netmap.max_bridges in /boot/loader.conf allows more from the next "
            "boot on"
        )


def _lowest_pair(taken: Collection[str]) -> str:
    for number in range(FIRST_PAIR, _LAST_PAIR + 1):
        if f"epair{number}" not in taken:
            return f"epair{number}"
    raise BadInput("there is no number left for an epair")


def _merged(request: Request, base: ValeSwitch, around: Around) -> ValeSwitch:
    common = request.common
    uplink = interface_of(common.uplink, base.uplink, around.default, f"switch {common.name}: uplink")
    if request.host_stack is not None and not uplink:
        raise BadInput(f"switch {request.name}: host_stack: is about the uplink, and the switch has none")
    host_stack = base.host_stack if request.host_stack is None else request.host_stack
    addresses = base.addresses if common.addresses is None else common.addresses
    if common.mac and not addresses:
        raise BadInput(
            f"switch {request.name}: mac: of a VALE switch only the host's own interface on it has one, and that is "
            "there while the switch has addresses"
        )
    return replace(
        base,
        uplink=uplink,
        host_stack=host_stack if uplink else True,
        addresses=addresses,
        mac=mac_of(common, base.mac, uplink, around.interfaces, base.host_interface) if addresses else "",
        former=(),
    )
