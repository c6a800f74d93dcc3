# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of inetd(8) on a host: read, planned, changed, and looked at whether inetd serves them."""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd import conf
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd.options import Service, Task
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.messages import said_by
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Listener, read_listening
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_edit
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Values, Wanted, plan_read, read_values
from ansible_collections.apiary.bhyve.plugins.module_utils.system.services import is_running
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

_ENABLE, _FLAGS = "inetd_enable", "inetd_flags"
_INETD = "inetd"
#: Seconds in which inetd has to have read its file; it takes milliseconds.
_PATIENCE = 10.0
_SERVICES = "/etc/services"


@dataclass(frozen=True)
class Facts:
    """The host as it is."""

    text: str
    ports: Dict[str, int]
    variables: Values
    running: bool
    listeners: Tuple[Listener, ...]

    @property
    def flags(self) -> str:
        return self.variables.values[_FLAGS] or ""

    @property
    def enabled(self) -> bool:
        return is_yes(self.variables.values[_ENABLE])


@dataclass(frozen=True)
class Socket:
    """Where a service has to be had."""

    service: Service
    kind: str
    port: int

    def __str__(self) -> str:
        return f"{self.service.key} ({self.kind} port {self.port})"


def read(host: Host, task: Task) -> Facts:
    """With three commands, however many services there are."""
    text = host.read(task.path)
    if text is None and task.services:
        raise UnknownState(f"{task.path} does not exist; FreeBSD has one, put it back or give another path")
    services = host.read(_SERVICES)
    if services is None:
        raise UnknownState(f"{_SERVICES} does not exist")
    running = is_running(host, _INETD)
    return Facts(
        text or "",
        conf.ports(services),
        read_values(host, [_ENABLE, _FLAGS]),
        running,
        tuple(read_listening(host)),
    )


@dataclass(frozen=True)
class Daemon(Change):
    """Have rc(8) start, stop, restart or reload inetd, and see that it serves what it should."""

    action: str
    sockets: Tuple[Socket, ...] = ()

    def describe(self) -> str:
        return f"{self.action} inetd"

    def apply(self, host: Host) -> None:
        host.run(["service", _INETD, f"one{self.action}"], what=f"cannot {self.action} inetd", timeout=60)
        if self.action != "stop":
            _wait(host, self.sockets)


def _wait(host: Host, sockets: Sequence[Socket]) -> None:
    """Poll until inetd is at all sockets; ApiaryError, with its last words, when it is not in time."""
    missing: List[Socket] = []
    for _attempt in attempts(_PATIENCE):
        missing = _missing(sockets, read_listening(host))
        if not missing and (sockets or is_running(host, _INETD)):
            return
        if not is_running(host, _INETD):
            raise ApiaryError(f"inetd has ended{said_by(host, _INETD)}")
    names = ", ".join(str(one) for one in missing)
    raise ApiaryError(f"inetd does not serve {names} after {_PATIENCE:g} s{said_by(host, _INETD)}")


def _missing(sockets: Sequence[Socket], listeners: Sequence[Listener]) -> List[Socket]:
    return [one for one in sockets if not any(_ours(one, listener) for listener in listeners)]


def _ours(one: Socket, listener: Listener) -> bool:
    # A program that inetd has started has its socket for a moment.
    names = (_INETD, one.service.program.rpartition("/")[2][:10])
    return _there(one, listener) and listener.command in names


def _there(one: Socket, listener: Listener) -> bool:
    # A socket for both families is called udp46.
    bare, version = one.kind[:3], one.kind[3:]
    same = listener.protocol.startswith(bare) and listener.protocol.endswith(version)
    return same and listener.port == one.port


def check(task: Task, facts: Facts, check_mode: bool) -> List[Socket]:
    """What can be told before anything changes: the sockets that inetd will have. BadInput."""
    conf.check(facts.text, task.path)
    wanted = [one for one in task.services if one.present]
    sockets = [Socket(one, kind, conf.port_of(one, facts.ports)) for one in wanted for kind in one.families]
    for one in wanted:
        _check_user(one)
        if not check_mode and not os.access(one.program, os.X_OK):
            raise BadInput(f"{one.key}: program: {one.program} does not exist on the host, or is no program")
    for missing in _missing(sockets, facts.listeners):
        taken = [listener for listener in facts.listeners if _there(missing, listener)]
        if taken:
            raise BadInput(f"{missing}: {taken[0].command} (pid {taken[0].pid}) has that port; stop it first")
    if task.address and not check_mode:
        _check_here(task.address)
    return sockets


def _check_user(service: Service) -> None:
    try:
        pwd.getpwnam(service.user)
    except KeyError:
        raise BadInput(f"{service.key}: user: the host has no user {service.user}") from None


def _check_here(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise BadInput(f"address: the host has no address {address} ({error.strerror})") from None


def plan(host: Host, task: Task, check_mode: bool) -> Plan:
    """Read the host and plan the task. BadInput, UnknownState, CommandError."""
    facts = read(host, task)
    sockets = check(task, facts, check_mode)
    made = Plan()
    text = conf.edit(facts.text, task.services)
    if task.services:
        conf.check(text, task.path)
        plan_edit(host, made, task.path, facts.text, text, _told(facts.text, task.services))
    flags = conf.with_address(facts.flags, task.address)
    wanted = [] if flags == facts.flags else [Wanted(_FLAGS, flags)]
    if task.enabled is not None and task.enabled != facts.enabled:
        wanted.append(Wanted(_ENABLE, "YES" if task.enabled else "NO"))
    if wanted:
        plan_read(host, made, wanted, facts.variables)
    action = _action(task, facts, text != facts.text, flags != facts.flags, bool(_missing(sockets, facts.listeners)))
    if action:
        subjects = tuple(made.descriptions())
        made.add(Daemon(_INETD, action, tuple(sockets)))
        made.needs[_INETD] = subjects
        made.before[_INETD] = {"running": facts.running}
        made.after[_INETD] = {"running": action != "stop"}
    return made


def _told(text: str, services: Sequence[Service]) -> str:
    known = {entry.key for entry in conf.entries(text)}
    words = []
    for one in services:
        if conf.edit(text, [one]) != text:
            verb = "remove" if not one.present else "change" if one.key in known else "add"
            words.append(f"{verb} {one.key}")
    return ", ".join(words)


def _action(task: Task, facts: Facts, text: bool, flags: bool, missing: bool) -> Optional[str]:
    """What rc(8) has to do with inetd; None: nothing."""
    if task.enabled is False:
        return "stop" if facts.running else None
    if not facts.running:
        return "start" if task.enabled else None
    if flags:
        return "restart"
    return "reload" if text or missing else None
