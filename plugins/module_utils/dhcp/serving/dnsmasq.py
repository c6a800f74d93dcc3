# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dnsmasq as dhcp_server sets it up: DHCP, and DNS for those that it serves. Source: dnsmasq(8)."""

from __future__ import annotations

import ipaddress
from typing import List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.codes import coded_options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.backend import (
    PROGRAM,
    check_flags,
    is_running,
    restart,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.conf import with_hook
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.hosts import option_value, quoted
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import dnsmasq_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import Declared, Scope, Served
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import HEAD, ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.resolver import FORWARDERS
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Wanted

_TIMEOUT = 120.0
#: The role pxe_server has a file here when dnsmasq is to serve TFTP, too; there need not be one.
_TFTP = """\
# What the role apiary.bhyve.pxe_server may have it serve by TFTP, in tftp.dnsmasq.
conf-dir=/usr/local/etc,*.dnsmasq
"""


class DnsmasqServer(ServerKind):
    """One daemon for both versions of IP."""

    name = "dnsmasq"
    package = "dnsmasq"
    answers_dns = True

    def installed(self, host: Host) -> bool:
        return host.stat(PROGRAM) is not None

    def check(self, declared: Declared) -> None:
        _check(declared.scope, "")
        for one in declared.subnets:
            _check(one.scope, f"subnet {one.network}: ")

    def check_service(self, host: Host, daemons: Sequence[Daemon]) -> None:
        check_flags(host)

    def render(self, declared: Declared, daemon: Daemon) -> str:
        lines = ["bind-interfaces", *(f"interface={name}" for name in declared.interfaces(0))]
        silent = list(dict.fromkeys(one.interface for one in declared.subnets if not one.dns))
        if silent:
            # It answers there only for zones that it would be the authority of, and has none.
            lines.append(",".join(["auth-server=none.invalid", *silent]))
        if declared.resolver:
            lines.append(f"resolv-file={FORWARDERS}")
        # Names without a dot and addresses of private networks are nothing for the name servers outside.
        lines += ["domain-needed", "bogus-priv"]
        if declared.scope.domain_name:
            lines += [f"domain={declared.scope.domain_name}", f"local=/{declared.scope.domain_name}/", "expand-hosts"]
        if declared.authoritative and not any(one.shared for one in declared.subnets):
            lines.append("dhcp-authoritative")
        lines += [*_scope(declared.scope, ""), *dnsmasq_lines(declared.boot_files)]
        for one in declared.subnets:
            lines += _subnet(one, declared)
        return with_hook(HEAD + "".join(f"{line}\n" for line in lines) + _TFTP, daemon)

    def variables(self, declared: Declared, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        return [Wanted("dnsmasq_enable", "YES"), *(Wanted("dnsmasq_conf", daemon.conf) for daemon in daemons)]

    def variables_off(self, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        return [Wanted(name, state="absent") for name in ("dnsmasq_enable", "dnsmasq_conf") if daemons]

    def running(self, host: Host, daemon: Daemon) -> bool:
        return is_running(host, daemon)

    def restart(self, host: Host, daemon: Daemon) -> None:
        restart(host, daemon)

    def stop(self, host: Host, daemon: Daemon) -> None:
        host.run(["service", daemon.service, "onestop"], what=f"cannot stop {daemon.service}", timeout=_TIMEOUT)


def _check(scope: Scope, at: str) -> None:
    if scope.statements:
        raise BadInput(f"{at}statements: words of dhcpd.conf say nothing to dnsmasq; give options")
    if scope.next_server and not _is_of(scope.next_server, 4):
        raise BadInput(f"{at}next_server: {scope.next_server!r}; dnsmasq takes the IPv4 address for it")
    if scope.max_lease_time and scope.default_lease_time not in (0, scope.max_lease_time):
        raise BadInput(f"{at}max_lease_time: dnsmasq has one time; give default_lease_time the same, or leave it out")
    coded_options(scope.options, "dnsmasq", at)


def _subnet(one: Served, declared: Declared) -> List[str]:
    network, tag = one.network, f"subnet-{one.network.network_address}"
    lease = _lease(one.scope) or _lease(declared.scope)
    known = "tag:known," if one.known_only else ""
    mask = str(network.prefixlen) if network.version == 6 else str(network.netmask)
    after = f"{mask},{lease}" if lease else mask
    lines = [f"dhcp-range={known}set:{tag},{item.first},{item.last},{after}" for item in one.subnet.ranges]
    if not lines:
        lines = [f"dhcp-range=set:{tag},{network.network_address},static,{after}"]
    if network.version == 4:
        # Without a word of it they would be told the host itself.
        lines.append(",".join([f"dhcp-option=tag:{tag},option:router", *one.subnet.routers]))
    if one.scope.domain_name:
        lines.append(f"domain={one.scope.domain_name},{network}")
    if not one.dns:
        # Without a word of it they would be told the host itself.
        told = [one.scope.domain_name_servers, declared.scope.domain_name_servers]
        for version, option in ((4, "option"), (6, "option6")):
            if version == network.version and not any(_is_of(text, version) for texts in told for text in texts):
                lines.append(f"dhcp-option=tag:{tag},{option}:dns-server")
    return lines + _scope(one.scope, f"tag:{tag},")


def _scope(scope: Scope, tag: str) -> List[str]:
    """Boot files are told as options, as those of reservations are, which go before them."""
    said: List[str] = []
    four = [text for text in scope.domain_name_servers if _is_of(text, 4)]
    six = [f"[{text}]" for text in scope.domain_name_servers if _is_of(text, 6)]
    said += [",".join(["option:dns-server", *four])] if four else []
    said += [",".join(["option6:dns-server", *six])] if six else []
    said += [f"option:bootfile-name,{quoted(scope.filename)}"] if scope.filename else []
    said += [f"option:server-ip-address,{scope.next_server}"] if scope.next_server else []
    said += [f"{option.code},{option_value(option)}" for option in coded_options(scope.options, "dnsmasq", "")]
    return [f"dhcp-option={tag}{text}" for text in said]


def _lease(scope: Scope) -> int:
    return scope.default_lease_time or scope.max_lease_time


def _is_of(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False
