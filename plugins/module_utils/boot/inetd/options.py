# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of inetd(8): what a task says of them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once

CONF = "/etc/inetd.conf"
PROTOCOLS = ("tcp", "tcp4", "tcp6", "tcp46", "udp", "udp4", "udp6", "udp46")
STATES = ("present", "absent")
#: inetd(8) has room for twenty words.
_MOST_WORDS = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_WORD = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Service:
    """One line of inetd.conf(5), known by its name and protocol."""

    name: str
    protocol: str = "udp"
    user: str = "root"
    program: str = ""
    arguments: Tuple[str, ...] = ()
    present: bool = True

    @property
    def key(self) -> str:
        """What names the line: ``tftp/udp6``. ``udp4`` is ``udp``."""
        return f"{self.name}/{normal(self.protocol)}"

    @property
    def datagrams(self) -> bool:
        return self.protocol.startswith("udp")

    @property
    def families(self) -> Tuple[str, ...]:
        """The kinds of sockets that inetd opens, as sockstat(1) calls them."""
        bare, versions = self.protocol[:3], self.protocol[3:] or "4"
        return (f"{bare}6",) if "6" in versions else (f"{bare}4",)

    @property
    def line(self) -> str:
        """The line, with tabs between its fields as in FreeBSD's own."""
        kind, wait = ("dgram", "wait") if self.datagrams else ("stream", "nowait")
        words = " ".join([self.program.rpartition("/")[2], *self.arguments])
        return "\t".join([self.name, kind, self.protocol, wait, self.user, self.program, words])


@dataclass(frozen=True)
class Task:
    """What a task asks for. None of ``address`` and ``enabled``: it stays as it is."""

    services: Tuple[Service, ...]
    path: str = CONF
    address: Optional[str] = None
    enabled: Optional[bool] = None


def normal(protocol: str) -> str:
    """One name for what means the same: tcp4 is tcp, and the order of the versions does not count."""
    bare, versions = protocol[:3], protocol[3:]
    return bare + ("" if versions == "4" else "".join(sorted(versions)))


def service_options() -> Dict[str, Any]:
    """The argument specification of one service."""
    return {
        "name": {"type": "str", "required": True},
        "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "udp"},
        "user": {"type": "str", "default": "root"},
        "program": {"type": "str"},
        "arguments": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
    }


_FORM = Form("services", "service", service_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module."""
    return {
        **_FORM.spec(),
        "path": {"type": "path", "default": CONF},
        "address": {"type": "str"},
        "enabled": {"type": "bool"},
    }


def task_of(params: Mapping[str, Any]) -> Task:
    """What a task asks for. BadInput, naming the option."""
    services = [_service(element) for element in _FORM.elements_if_any(params)]
    check_once([one.key for one in services], "services")
    address = params.get("address")
    task = Task(tuple(services), params.get("path") or CONF, address, params.get("enabled"))
    if address:
        _check_address(address, services)
    if task.enabled is False and any(one.present for one in services):
        raise BadInput("enabled: without inetd there are no services; leave it out, or remove them by state absent")
    return task


def _service(element: Mapping[str, Any]) -> Service:
    name = str(element["name"])
    if not _NAME.fullmatch(name):
        hint = "; inetd(8) takes no address there, say it by the option address" if ":" in name else ""
        raise BadInput(f"name: {name!r} is no name of a service as services(5) has them{hint}")
    protocol = element.get("protocol") or "udp"
    present = (element.get("state") or "present") == "present"
    service = Service(
        name,
        protocol,
        element.get("user") or "root",
        element.get("program") or "",
        tuple(element.get("arguments") or ()),
        present,
    )
    if present:
        _check(service)
    return service


def _check(service: Service) -> None:
    if not service.program.startswith("/") or not _WORD.fullmatch(service.program):
        raise BadInput(f"{service.key}: program: {service.program!r} is not an absolute path without blanks")
    if not _USER.fullmatch(service.user):
        raise BadInput(f"{service.key}: user: {service.user!r} is no name of a user")
    for word in service.arguments:
        if not _WORD.fullmatch(word) or word[0] in "#'\"":
            raise BadInput(
                f"{service.key}: arguments: {word!r}; inetd.conf(5) has words of printable characters, none empty, "
                "without blanks or a quote or # at their beginning"
            )
    if len(service.arguments) >= _MOST_WORDS:
        raise BadInput(f"{service.key}: arguments: {len(service.arguments)} of them, inetd(8) takes {_MOST_WORDS - 1}")


def _check_address(address: str, services: List[Service]) -> None:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise BadInput(f"address: {address!r} is neither an IPv4 nor an IPv6 address") from None
    for service in services:
        if service.present and service.families[0][-1] != str(version):
            raise BadInput(
                f"address: {address} is IPv{version}, and then inetd(8) leaves {service.key} out; give the service "
                "only for that family, or no address"
            )
