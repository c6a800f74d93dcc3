# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dhcpd_host does between its options and its result: one task, one lock, one plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backends import BACKENDS, find_backend
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Server, read_server
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import (
    Book,
    Planned,
    plan_reservations,
    read_reservations,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    Reservation,
    check_name,
    laid_over,
    owner_of,
    reservation_options,
    to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import parse_range
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan

_ELEMENT: Dict[str, Dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **reservation_options(),
}
FORM = Form("hosts", "host", _ELEMENT)

_DAEMON: Dict[str, Dict[str, Any]] = {
    "conf": {"type": "path"},
    "hosts_file": {"type": "path"},
    "service": {"type": "str"},
    "socket": {"type": "path"},
}
_SERVER: Dict[str, Dict[str, Any]] = {
    "backend": {"type": "str", "choices": list(BACKENDS)},
    **_DAEMON,
    "inet6": {"type": "dict", "options": _DAEMON},
}


def module_options() -> Dict[str, Any]:
    """The argument specification."""
    return {
        **FORM.spec(),
        **_SERVER,
        "auto_range": {"type": "list", "elements": "str"},
        "group": {"type": "str"},
        "purge": {"type": "bool", "default": False},
        "adopt": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class Task:
    """What a task asks for: its hosts, whose they are, which server it is about, and what it does with others."""

    hosts: Tuple[Mapping[str, Any], ...]
    server: Mapping[str, Any]
    ranges: Tuple[Range, ...]
    owner: str
    purge: bool
    adopt: bool


@dataclass(frozen=True)
class Report:
    """A plan, the book that it was made from, and the hosts of the task as they will be."""

    plan: Plan
    book: Book
    planned: Planned
    names: Tuple[str, ...]


def task_of(params: Mapping[str, Any]) -> Task:
    """The task of a module's options. BadInput."""
    if params.get("hosts") is None and params.get("name") is None and params.get("adopt"):
        params = {**params, "hosts": []}
    hosts = FORM.elements(params)
    if params.get("purge") and params.get("hosts") is None:
        raise BadInput("purge: only with hosts, for it removes the reservations that are not in that list")
    check_once([str(one["name"]) for one in hosts], "hosts")
    for one in hosts:
        check_name(str(one["name"]), "hosts: " if params.get("hosts") is not None else "")
    return Task(
        tuple(hosts),
        {key: params.get(key) for key in _SERVER},
        tuple(parse_range(text, "auto_range") for text in params.get("auto_range") or ()),
        owner_of(params.get("group") or ""),
        bool(params.get("purge")),
        bool(params.get("adopt")),
    )


def server_of(given: Mapping[str, Any], note: Optional[Server]) -> Server:
    """The server that a task is about: the host's own by its note, or the one of the options. BadInput."""
    name = given.get("backend") or (note.backend if note is not None else "isc")
    backend = find_backend(name)
    defaults = backend.daemons()
    base = note if note is not None and note.backend == name else Server(name, defaults[:1])
    daemons = [_overruled(base.daemons[0], given)]
    six = given.get("inet6")
    if six is not None and len(defaults) == 1:
        raise BadInput(
            f"inet6: {name} is one daemon for IPv4 and IPv6; what it has is said by conf, hosts_file, service"
        )
    if six is not None:
        daemons.append(_overruled(base.daemons[1] if len(base.daemons) > 1 else defaults[1], six))
    else:
        daemons += base.daemons[1:]
    return replace(base, daemons=tuple(daemons))


def plan_task(host: Host, task: Task) -> Report:
    """Read the host and plan, under the host lock. BadInput, UnknownState, CommandError."""
    book = read_reservations(host, server_of(task.server, read_server(host)))
    adopted: Dict[str, Reservation] = {}
    if task.adopt:
        book, found = _adopted(book)
        adopted = {name: replace(one, owner=task.owner) for name, one in found.items()}
    wanted, gone = _wanted(task, book, adopted)
    plan = Plan()
    ranges = None if not task.ranges else (lambda _one: task.ranges)
    planned = plan_reservations(host, plan, book, wanted, gone, ranges)
    names = [*(str(one["name"]) for one in task.hosts), *(name for name in adopted)]
    return Report(plan, book, planned, tuple(dict.fromkeys(names)))


def entries(report: Report) -> List[Dict[str, Any]]:
    """The hosts of the task for its result."""
    return [
        _entry(name, report.book.reservations.get(name), report.planned.reservations.get(name)) for name in report.names
    ]


def _entry(name: str, old: Optional[Reservation], new: Optional[Reservation]) -> Dict[str, Any]:
    changed = old != new
    if new is None:
        return {"name": name, "state": "absent", "changed": changed}
    fields = {"mac": new.mac, "ip": list(new.ip), "ip6": list(new.ip6), "hostname": new.hostname}
    return {"name": name, "state": "present", **to_json(new), **fields, "changed": changed}


def _overruled(daemon: Daemon, given: Mapping[str, Any]) -> Daemon:
    for key in _DAEMON:
        value = given.get(key)
        if value is not None and key != "service" and not value.startswith("/"):
            raise BadInput(f"{key}: {value!r} is not an absolute path")
    own = {key: given[key] for key in _DAEMON if given.get(key) is not None}
    return Daemon(
        conf=own.get("conf", daemon.conf),
        hosts_file=own.get("hosts_file", daemon.hosts_file),
        service=own.get("service", daemon.service),
        socket=own.get("socket", daemon.socket),
        family=daemon.family,
    )


def _adopted(book: Book) -> Tuple[Book, Dict[str, Reservation]]:
    known = []
    found: Dict[str, Reservation] = {}
    for one in book.known:
        rest, reservations = book.backend.take_over(one)
        known.append(rest)
        for reservation in reservations:
            if reservation.name in found:
                raise BadInput(f"adopt: {one.daemon.conf} has host {reservation.name} twice; nothing was taken over")
            found[reservation.name] = reservation
    return replace(book, known=tuple(known)), found


def _wanted(
    task: Task, book: Book, adopted: Mapping[str, Reservation]
) -> Tuple[Sequence[Reservation], Mapping[str, str]]:
    """The reservations that the task wants, and those that are to go: by name their owner."""
    wanted: Dict[str, Reservation] = dict(adopted)
    gone: Dict[str, str] = {}
    listed = {str(one["name"]) for one in task.hosts}
    if task.purge:
        gone = {name: task.owner for name in book.owned_by(task.owner) if name not in listed and name not in adopted}
    for given in task.hosts:
        name = str(given["name"])
        if given.get("state") == "absent":
            gone[name] = task.owner
            wanted.pop(name, None)
            continue
        old = adopted.get(name) or book.reservations.get(name)
        if old is not None and old.owner != task.owner:
            raise BadInput(f"host {name}: it belongs to {old.owner} and is left to it; take another name")
        wanted[name] = laid_over(old, name, task.owner, given, f"host {name}: ")
    return list(wanted.values()), gone
