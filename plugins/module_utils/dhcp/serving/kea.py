# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kea as dhcp_server sets it up. Source: Kea Administrator Reference Manual, "The DHCPv4 Server", "keactrl"."""

from __future__ import annotations

import ipaddress
import json
import zlib
from typing import Any, Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.codes import coded_options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.backend import is_running, program
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.conf import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.control import Control
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.hosts import option_data
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import kea_classes
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import Declared, Scope, Served
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import HEAD, ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

_KEACTRL = "/usr/local/sbin/keactrl"
#: Seconds that a server has to start or end, which nobody waits for in keactrl.
_PATIENCE = 30.0


class KeaServer(ServerKind):
    """kea-dhcp4, and kea-dhcp6 where there is a subnet of IPv6."""

    name = "kea"
    package = "kea"

    def installed(self, host: Host) -> bool:
        return host.stat(_KEACTRL) is not None

    def check(self, declared: Declared) -> None:
        _check(declared.scope, "")
        for one in declared.subnets:
            _check(one.scope, f"subnet {one.network}: ")

    def check_service(self, host: Host, daemons: Sequence[Daemon]) -> None:
        """rc.conf says nothing of where keactrl finds its files."""

    def render(self, declared: Declared, daemon: Daemon) -> str:
        family = daemon.family
        server: Dict[str, Any] = {
            "interfaces-config": {"interfaces": list(declared.interfaces(family))},
            "control-socket": {"socket-type": "unix", "socket-name": _socket(daemon)},
            "lease-database": {"type": "memfile", "lfc-interval": 3600},
            "loggers": [
                {
                    "name": f"kea-dhcp{family}",
                    "output_options": [{"output": f"/var/log/kea/kea-dhcp{family}.log"}],
                    "severity": "INFO",
                }
            ],
            "reservations-global": True,
            **_scope(declared.scope, family),
        }
        classes = kea_classes(declared.boot_files) if family == 4 else []
        server.update({"client-classes": classes} if classes else {})
        alone, shared = [], []
        by_interface: Dict[str, List[Served]] = {}
        for one in declared.of(family):
            by_interface.setdefault(one.interface, []).append(one)
        for interface, subnets in by_interface.items():
            found = [_subnet(one, declared) for one in subnets]
            if len(found) == 1:
                alone += found
            else:
                # Several networks on one wire have to be told as such.
                shared.append({"name": interface, f"subnet{family}": found})
        server.update({f"subnet{family}": alone, **({"shared-networks": shared} if shared else {})})
        text = json.dumps({f"Dhcp{family}": server}, indent=2)
        ours = f'"reservations": <?include "{daemon.hosts_file}"?>,\n    "reservations-global": true'
        return f"{HEAD}{text.replace(chr(34) + 'reservations-global' + chr(34) + ': true', ours, 1)}\n"

    def variables(self, declared: Declared, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        return [Wanted("kea_enable", "YES")]

    def variables_off(self, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        # Both daemons have one variable: it stays while IPv4's does.
        return [Wanted("kea_enable", state="absent")] if any(one.family == 4 for one in daemons) else []

    def running(self, host: Host, daemon: Daemon) -> bool:
        return is_running(host, daemon)

    def restart(self, host: Host, daemon: Daemon) -> None:
        if is_running(host, daemon):
            if host.lstat(_socket(daemon)) is not None:
                Control(host, _socket(daemon), _name(daemon)).reload()
                return
            self.stop(host, daemon)
        what = f"cannot start {_name(daemon)}"
        # keactrl hands its own output on to the servers, whose end nobody wants to wait for.
        host.run(["sh", "-c", f"exec {_KEACTRL} start -s dhcp{daemon.family} > /dev/null 2>&1"], what=what)
        if not any(_serves(host, daemon) for _attempt in attempts(_PATIENCE)):
            raise ApiaryError(
                f"{what}: it has not come up; see /var/log/kea, and whether keactrl.conf has it enabled (dhcp"
                f"{daemon.family}=yes)"
            )

    def stop(self, host: Host, daemon: Daemon) -> None:
        what = f"cannot stop {_name(daemon)}"
        host.run([_KEACTRL, "stop", "-s", f"dhcp{daemon.family}"], what=what)
        if all(is_running(host, daemon) for _attempt in attempts(_PATIENCE)):
            raise ApiaryError(f"{what}: it still runs after {_PATIENCE:g} s")


def _name(daemon: Daemon) -> str:
    return program(daemon).rpartition("/")[2]


def _socket(daemon: Daemon) -> str:
    return daemon.socket or f"{RUN}/kea{daemon.family}-ctrl-socket"


def _serves(host: Host, daemon: Daemon) -> bool:
    return is_running(host, daemon) and host.lstat(_socket(daemon)) is not None


def _check(scope: Scope, at: str) -> None:
    if scope.statements:
        raise BadInput(f"{at}statements: words of dhcpd.conf say nothing to kea; give options")
    if scope.next_server and not _is_of(scope.next_server, 4):
        raise BadInput(f"{at}next_server: {scope.next_server!r}; kea does not look names up, give the IPv4 address")
    coded_options(scope.options, "kea", at)


def _subnet(one: Served, declared: Declared) -> Dict[str, Any]:
    version = one.network.version
    told = _scope(one.scope, version)
    if one.subnet.routers and version == 4:
        routers = {"name": "routers", "data": ", ".join(one.subnet.routers)}
        told["option-data"] = [routers, *told.get("option-data", [])]
    known = {"client-class": "KNOWN"} if one.known_only else {}
    pools = [{"pool": f"{item.first} - {item.last}", **known} for item in one.subnet.ranges]
    return {
        "id": _id(one),
        "subnet": str(one.network),
        **({"interface": one.interface} if version == 6 else {}),
        **({"authoritative": declared.authoritative and not one.shared} if version == 4 else {}),
        **({"pools": pools} if pools else {}),
        **told,
    }


def _id(one: Served) -> int:
    """By the network, so that leases stay with it whatever else is declared; 0 and the last number are Kea's own."""
    return zlib.crc32(one.network.network_address.packed) % (2**32 - 3) + 1


def _scope(scope: Scope, version: int) -> Dict[str, Any]:
    servers = ", ".join(text for text in scope.domain_name_servers if _is_of(text, version))
    data: List[Any] = []
    if scope.domain_name:
        data.append({"name": "domain-name" if version == 4 else "domain-search", "data": scope.domain_name})
    if servers:
        data.append({"name": "domain-name-servers" if version == 4 else "dns-servers", "data": servers})
    if version == 4:
        data += option_data(coded_options(scope.options, "kea", ""))
    found: Dict[str, Any] = {"option-data": data} if data else {}
    if version == 4:
        told = {"boot-file-name": scope.filename, "next-server": scope.next_server}
        found.update({key: value for key, value in told.items() if value})
    lease = scope.default_lease_time or scope.max_lease_time
    if lease:
        found["valid-lifetime"] = lease
        if version == 6:
            found["preferred-lifetime"] = lease
    if scope.max_lease_time:
        found["max-valid-lifetime"] = scope.max_lease_time
    return found


def _is_of(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False
