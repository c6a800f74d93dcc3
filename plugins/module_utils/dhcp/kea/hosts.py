# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reservations as Kea has them, in the file that its configuration includes (pure)."""

from __future__ import annotations

import json
from typing import Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.codes import Coded, coded, is_ipv4
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.options import DATA, TEXT
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: The longest that Kea takes: the fields of a packet of BOOTP, and a zero.
_LONGEST = {"filename": 127, "server_name": 63}
_ROOT_PATH = 17
_HEAD = """\
// Reservations, made by Apiary (apiary.bhyve). What is changed here by hand is set right by its next task about them.
"""
#: What DHCPv6 has no word for, or another one.
_OF_IPV4 = ("filename", "next_server", "server_name", "root_path", "options")


def check(one: Reservation, at: str) -> None:
    """BadInput for what cannot be said to Kea."""
    if one.statements:
        raise BadInput(f"{at}statements: words of dhcpd.conf say nothing to kea; give options")
    for key in ("default_lease_time", "max_lease_time"):
        if getattr(one, key):
            raise BadInput(f"{at}{key}: kea has lease times of subnets and classes, not of reservations; leave it out")
    if len(one.ip) > 1:
        raise BadInput(f"{at}ip: {', '.join(one.ip)}; kea gives a MAC address one IPv4 address")
    for key, longest in _LONGEST.items():
        if len(getattr(one, key).encode()) > longest:
            raise BadInput(f"{at}{key}: kea takes {longest} characters at most")
    if one.next_server and not is_ipv4(one.next_server):
        raise BadInput(f"{at}next_server: {one.next_server!r}; kea does not look names up, give the IPv4 address")
    if one.ip6 and not one.ip:
        given = [key for key in _OF_IPV4 if getattr(one, key)]
        if given:
            raise BadInput(f"{at}{given[0]}: is said by DHCP for IPv4, and the reservation has no ip")
    coded(one, "kea", at)


def render(reservations: Sequence[Reservation], family: int) -> str:
    """The file: a list, one reservation a line."""
    lines = [json.dumps(entry(one, family)) for one in reservations]
    return _HEAD + "[" + ",".join(f"\n  {line}" for line in lines) + "\n]\n"


def entry(one: Reservation, family: int) -> Dict[str, object]:
    """One reservation as Kea has it; the comment is for whoever reads the file."""
    fields: Dict[str, object] = {"hw-address": one.mac}
    if family == 6:
        fields["ip-addresses"] = list(one.ip6)
        names = {"hostname": one.hostname}
    else:
        names = {
            "ip-address": one.ip[0] if one.ip else "",
            "hostname": one.hostname,
            "next-server": one.next_server,
            "server-hostname": one.server_name,
            "boot-file-name": one.filename,
        }
        options = _options(one)
        fields.update({"option-data": options} if options else {})
    fields.update({key: value for key, value in names.items() if value})
    fields["user-context"] = {"apiary": one.name}
    return fields


def _options(one: Reservation) -> List[Mapping[str, object]]:
    root: List[Mapping[str, object]] = [{"code": _ROOT_PATH, "data": _escaped(one.root_path)}] if one.root_path else []
    return [*root, *option_data(coded(one, "kea", ""))]


def option_data(options: Sequence[Coded]) -> List[Mapping[str, object]]:
    """Options as Kea has them everywhere."""
    found: List[Mapping[str, object]] = []
    for option in options:
        parts = [_escaped(part) for part in option.parts] if option.kind in (TEXT, DATA) else option.parts
        found.append({"code": option.code, "data": ", ".join(parts)})
    return found


def _escaped(text: str) -> str:
    """Text in which a comma does not part fields."""
    return text.replace(",", "\\,")
