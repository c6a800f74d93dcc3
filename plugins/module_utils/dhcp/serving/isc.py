# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ISC's dhcpd as a host's DHCP server: dhcpd.conf(5), and dhcpd6.conf for IPv6."""

from __future__ import annotations

import ipaddress
from typing import Dict, Iterable, Iterator, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import (
    DHCPD,
    PACKAGE,
    check_service,
    is_running,
    restart,
    variables_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.render import check_words, option_value
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import quoted
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import isc_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import Declared, Scope, Served
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import HEAD, ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Wanted

_TIMEOUT = 120.0
_SIX = "dhcp6."


class IscServer(ServerKind):
    """isc-dhcpd, and isc-dhcpd6 where there is a subnet of IPv6."""

    name = "isc"
    package = PACKAGE

    def installed(self, host: Host) -> bool:
        return host.stat(DHCPD) is not None

    def check(self, declared: Declared) -> None:
        check_words(declared.scope.options, declared.scope.statements, "")
        for one in declared.subnets:
            check_words(one.scope.options, one.scope.statements, f"subnet {one.network}: ")

    def check_service(self, host: Host, daemons: Sequence[Daemon]) -> None:
        check_service(host, daemons)

    def render(self, declared: Declared, daemon: Daemon) -> str:
        lines: List[str] = []
        if declared.authoritative and daemon.family == 4:
            lines.append("authoritative;")
        lines += _scope(declared.scope, daemon.family)
        if daemon.family == 4:
            lines += isc_lines(declared.boot_files)
        by_interface: Dict[str, List[Served]] = {}
        for one in declared.of(daemon.family):
            by_interface.setdefault(one.interface, []).append(one)
        for interface, subnets in by_interface.items():
            blocks = [line for one in subnets for line in _subnet(one)]
            # Several networks on one wire have to be told as such.
            lines += blocks if len(subnets) == 1 else [f"shared-network {interface} {{", *_deeper(blocks), "}"]
        lines.append(f"include {quoted(daemon.hosts_file)};")
        return HEAD + "\n".join(lines) + "\n"

    def variables(self, declared: Declared, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        found: List[Wanted] = []
        for daemon in daemons:
            name = variables_of(daemon)
            interfaces = " ".join(declared.interfaces(daemon.family))
            found += [
                Wanted(f"{name}_enable", "YES"),
                Wanted(f"{name}_ifaces", interfaces),
                Wanted(f"{name}_conf", daemon.conf),
            ]
        return found

    def variables_off(self, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        names = [f"{variables_of(daemon)}_{what}" for daemon in daemons for what in ("enable", "ifaces", "conf")]
        return [Wanted(name, state="absent") for name in names]

    def running(self, host: Host, daemon: Daemon) -> bool:
        return is_running(host, daemon.service)

    def restart(self, host: Host, daemon: Daemon) -> None:
        restart(host, daemon.service)

    def stop(self, host: Host, daemon: Daemon) -> None:
        what = f"cannot stop {daemon.service}"
        host.run(["service", daemon.service, "onestop"], what=what, timeout=_TIMEOUT)


def _subnet(one: Served) -> Iterator[str]:
    network = one.network
    six = "6" if network.version == 6 else ""
    yield f"subnet6 {network} {{" if six else f"subnet {network.network_address} netmask {network.netmask} {{"
    if one.subnet.routers:
        yield f"\toption routers {', '.join(one.subnet.routers)};"
    if one.shared and not six:
        # Whoever has an address of somebody else's server there may keep it.
        yield "\tnot authoritative;"
    if one.known_only:
        yield "\tdeny unknown-clients;"
    for item in one.subnet.ranges:
        yield f"\trange{six} {item.first} {item.last};"
    yield from _deeper(_scope(one.scope, network.version))
    yield "}"


def _scope(scope: Scope, version: int) -> List[str]:
    lines: List[str] = []
    servers = ", ".join(text for text in scope.domain_name_servers if ipaddress.ip_address(text).version == version)
    if scope.domain_name and version == 4:
        lines.append(f"option domain-name {quoted(scope.domain_name)};")
    if scope.domain_name and version == 6:
        lines.append(f"option dhcp6.domain-search {quoted(scope.domain_name)};")
    if servers:
        lines.append(f"option {'domain-name-servers' if version == 4 else 'dhcp6.name-servers'} {servers};")
    if version == 4 and scope.filename:
        lines.append(f"filename {quoted(scope.filename)};")
    if version == 4 and scope.next_server:
        lines.append(f"next-server {scope.next_server};")
    for key, seconds in (
        ("default-lease-time", scope.default_lease_time),
        ("max-lease-time", scope.max_lease_time),
    ):
        if seconds:
            lines.append(f"{key} {seconds};")
    for name, value in scope.options:
        if name.startswith(_SIX) == (version == 6):
            lines.append(f"option {name} {option_value(name, value)};")
    if version == 4:
        lines += scope.statements
    return lines


def _deeper(lines: Iterable[str]) -> List[str]:
    return [f"\t{line}" for line in lines]
