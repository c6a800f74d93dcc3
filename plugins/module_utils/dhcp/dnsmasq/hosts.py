# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reservations as dnsmasq has them: the lines of its hosts, and of the options that some of them are given (pure).

Both files are read again at SIGHUP, which dhcp-boot is not; but boot files can be said as options. An option is for
those that have its tag. A host could have it by its own line (``set:``), but then dnsmasq ends at the next SIGHUP by a
fault in its memory (2.86, 2.90): it frees with the line what it has chained to its tag. So tags are given to MAC
addresses in a third file, a part of the configuration, which is read when dnsmasq starts. Source: dnsmasq(8), options
dhcp-host, dhcp-mac, dhcp-option, dhcp-optsfile; src/rfc2131.c, and dhcp_config_free in src/option.c.

By itself dnsmasq knows the name of a host only as long as that has a lease, so a fourth file has the names as hosts(5)
does; they are put below the domain as those of leases are, by expand-hosts.
"""

from __future__ import annotations

from typing import List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.codes import Coded, coded, is_ipv4
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_HEAD = """\
# Reservations, made by Apiary (apiary.bhyve). What is changed here by hand is set right by its next task about them.
"""
#: Seconds; to what is less dnsmasq gives this much.
_SHORTEST_LEASE = 120


def check(one: Reservation, at: str) -> None:
    """BadInput for what cannot be said to dnsmasq."""
    if one.statements:
        raise BadInput(f"{at}statements: words of dhcpd.conf say nothing to dnsmasq; give options")
    if one.max_lease_time and one.default_lease_time not in (0, one.max_lease_time):
        raise BadInput(f"{at}max_lease_time: dnsmasq has one time; give default_lease_time the same, or leave it out")
    lease = _lease(one)
    if 0 < lease < _SHORTEST_LEASE:
        raise BadInput(f"{at}{_lease_option(one)}: {lease}; dnsmasq gives {_SHORTEST_LEASE} seconds at least")
    if one.next_server and not is_ipv4(one.next_server):
        raise BadInput(f"{at}next_server: {one.next_server!r}; dnsmasq takes the IPv4 address for it")
    coded(one, "dnsmasq", at)


def render_hosts(reservations: Sequence[Reservation]) -> str:
    """The lines for dhcp-hostsfile."""
    return _HEAD + "".join(f"{line}\n" for one in reservations for line in _host_lines(one))


def render_options(reservations: Sequence[Reservation]) -> str:
    """The lines for dhcp-optsfile: each holds for the host that has the tag."""
    lines = []
    for one in reservations:
        mine = [f"tag:{_tag(one)},{line}\n" for line in _option_lines(one)]
        lines += [f"# {one.name}\n", *mine] if mine else []
    return _HEAD + "".join(lines)


def render_tags(reservations: Sequence[Reservation]) -> str:
    """The part of the configuration that gives tags to those to which something is said."""
    told = [one for one in reservations if _option_lines(one)]
    return _HEAD + "".join(f"dhcp-mac=set:{_tag(one)},{one.mac}\n" for one in told)


def render_names(reservations: Sequence[Reservation]) -> str:
    """The names of what is reserved, for addn-hosts."""
    named = [(address, one.hostname) for one in reservations if one.hostname for address in one.addresses]
    return _HEAD + "".join(f"{address} {name}\n" for address, name in named)


def as_configuration(hosts: str, options_text: str) -> str:
    """Both files as lines of a configuration, by which they can be tried."""
    pairs = (("dhcp-host", hosts), ("dhcp-option", options_text))
    return "".join(
        f"{name}={line}\n" for name, text in pairs for line in text.splitlines() if line and not line.startswith("#")
    )


def _host_lines(one: Reservation) -> List[str]:
    """One line has one IPv4 address; those of other subnets are in lines of their own."""
    six = [f"[{address}]" for address in one.ip6]
    fours = [[address] for address in one.ip] or [[]]
    lease = [str(_lease(one))] if _lease(one) else []
    name = [one.hostname] if one.hostname else []
    return [",".join([one.mac, *four, *(six if place == 0 else []), *name, *lease]) for place, four in enumerate(fours)]


def _option_lines(one: Reservation) -> List[str]:
    lines: List[str] = []
    if one.filename:
        lines.append(f"option:bootfile-name,{quoted(one.filename)}")
    if one.next_server:
        lines.append(f"option:server-ip-address,{one.next_server}")
    if one.server_name:
        lines.append(f"option:tftp-server,{quoted(one.server_name)}")
    if one.root_path:
        lines.append(f"option:root-path,{quoted(one.root_path)}")
    return lines + [f"{option.code},{option_value(option)}" for option in coded(one, "dnsmasq", "")]


def option_value(option: Coded) -> str:
    """A value in a form that leaves dnsmasq nothing to guess."""
    if option.kind in (options.TEXT, options.DATA):
        return quoted(option.parts[0])
    if option.kind == options.FLAG:
        return "1b" if option.parts[0] == "true" else "0b"
    if option.kind == options.NUMBER:
        if option.octets == 1:
            return f"{option.parts[0]}b"
        octets = b"".join((int(part) % 256**option.octets).to_bytes(option.octets, "big") for part in option.parts)
        return ":".join(f"{octet:02x}" for octet in octets)
    return ",".join(option.parts)


def _tag(one: Reservation) -> str:
    """By the MAC address: one that has had a tag may have the same again, which dnsmasq knows until it ends."""
    return f"apiary-{one.mac.replace(':', '')}"


def _lease(one: Reservation) -> int:
    return one.default_lease_time or one.max_lease_time


def _lease_option(one: Reservation) -> str:
    return "default_lease_time" if one.default_lease_time else "max_lease_time"


def quoted(text: str) -> str:
    """Text that is nothing else to dnsmasq."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
