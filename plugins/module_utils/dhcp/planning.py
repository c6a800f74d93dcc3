# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One plan for reservations, whoever wants them: the module dhcpd_host, or the guests whose they are.

server = note.read_server(host)                 # or one of the task's own options
book = read_reservations(host, server)          # under the host lock
planned = plan_reservations(host, plan, book, wanted, gone)
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import record
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.allocation import Ranges, allocate
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.arp import plan_arp, published
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend, Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backends import find_backend
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.checks import check
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Server
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation, check_reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.steps import Activate, Owe, PutFile, owed_path
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RESERVATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan

#: Whom the changes belong to in a plan: they are made together or not at all.
SUBJECT = "reservations"
#: How many reservations a line of a plan names.
_NAMED = 8


@dataclass(frozen=True)
class Book:
    """What was read: the server, its daemons as they are, the reservations that it has, and the whole record.

    ``owed`` are the services whose files were changed by a task that broke off before they took them.
    """

    server: Server
    backend: Backend
    known: Tuple[Known, ...]
    reservations: Mapping[str, Reservation]
    record: record.Record
    record_text: Optional[str]
    owed: Tuple[str, ...] = ()

    def owned_by(self, owner: str) -> List[str]:
        """The names of an owner's reservations."""
        return [name for name, one in self.reservations.items() if one.owner == owner]


@dataclass(frozen=True)
class Planned:
    """The reservations as they will be, with all addresses, and what the user should know beside."""

    reservations: Mapping[str, Reservation]
    warnings: Tuple[str, ...]


def read_reservations(host: Host, server: Server) -> Book:
    """Read the server and the record, with as many commands for one reservation as for all. BadInput, UnknownState."""
    backend = find_backend(server.backend)
    text = host.read(RESERVATIONS)
    whole = record.load(text)
    known = tuple(backend.read(host, daemon) for daemon in server.daemons)
    owed = tuple(daemon.service for daemon in server.daemons if host.lstat(owed_path(daemon.service)) is not None)
    return Book(server, backend, known, whole.get(server_key(server), {}), whole, text, owed)


def server_key(server: Server) -> str:
    """By what the record tells servers apart."""
    return server.daemons[0].hosts_file


def plan_reservations(
    host: Host,
    plan: Plan,
    book: Book,
    wanted: Sequence[Reservation],
    gone: Mapping[str, str],
    ranges: Optional[Ranges] = None,
) -> Planned:
    """Plan that the wanted reservations are served, and those that are ``gone`` (by name: their owner) are not.

    ``ranges`` says where an ``auto`` address of a reservation comes from; by default from ``auto`` of all subnets
    of the note. Everything is checked and tried by the server itself here, so that the plan's changes can be made.
    BadInput, CommandError (the server refuses the new configuration), UnknownState.
    """
    _check_owners(book, wanted, gone)
    names = {one.name for one in wanted}
    others = {name: one for name, one in book.reservations.items() if name not in gone and name not in names}
    resolved = allocate(wanted, book.reservations, others.values(), book.known, ranges or _note_ranges(book.server))
    for one in resolved:
        check_reservation(one, f"reservation {one.name}: ")
        book.backend.check(one, book.server.daemons, f"reservation {one.name}: ")
    after = dict(sorted({**others, **{one.name: one for one in resolved}}.items()))
    check(resolved, after, book.known)
    updates = [_update(book, known, after) for known in book.known]
    for update in updates:
        if update is not None and (update.changes_conf or update.changes_hosts):
            book.backend.validate(host, update)
    # Before the record, which tells the next task what there is to take back, should this one break off.
    plan_arp(host, plan, SUBJECT, published(book.reservations), published(after))
    warnings: List[str] = []
    for known, update in zip(book.known, updates):
        if update is not None:
            warnings += _plan_update(host, plan, book, update, known.daemon.service in book.owed)
    # The record last: where a task breaks off before, the next one finds by it that there is something to do.
    _plan_record(plan, book, after)
    return Planned(after, tuple(warnings))


def _note_ranges(server: Server) -> Ranges:
    found: Tuple[Range, ...] = tuple(item for subnet in server.subnets for item in subnet.auto)
    return lambda one: found


def _check_owners(book: Book, wanted: Sequence[Reservation], gone: Mapping[str, str]) -> None:
    asked: Dict[str, str] = {**gone, **{one.name: one.owner for one in wanted}}
    for name, owner in asked.items():
        old = book.reservations.get(name)
        if old is not None and old.owner != owner:
            raise BadInput(f"reservation {name}: it belongs to {old.owner} and is left to it; take another name")


def _update(book: Book, known: Known, after: Mapping[str, Reservation]) -> Optional[Update]:
    """What becomes of a daemon; None where there is nothing of ours, neither now nor then."""
    before, mine = (concerned(known, reservations) for reservations in (book.reservations, after))
    if not mine and known.hosts_text is None and not known.hooked:
        return None
    start = known.conf if known.taken_over is None else known.taken_over
    conf = book.backend.hooked(start, known.daemon)
    return Update(known, conf, book.backend.render(mine, known), before, mine)


def concerned(known: Known, reservations: Mapping[str, Reservation]) -> Tuple[Reservation, ...]:
    """The reservations that concern a daemon; one without addresses concerns those that serve IPv4."""
    return tuple(
        reservations[name]
        for name in sorted(reservations)
        if (known.daemon.serves(6) and reservations[name].ip6)
        or (known.daemon.serves(4) and (reservations[name].ip or not reservations[name].ip6))
    )


def _plan_record(plan: Plan, book: Book, after: Mapping[str, Reservation]) -> None:
    if dict(after) == dict(book.reservations):
        return
    text = record.dump({**book.record, server_key(book.server): after})
    plan.add(PutFile(SUBJECT, RESERVATIONS, text, 0o600, what=_summary(book.reservations, after)))


def _summary(before: Mapping[str, Reservation], after: Mapping[str, Reservation]) -> str:
    parts = {
        "reserve": [
            f"{', '.join(one.addresses) or one.mac} for {name}" for name, one in after.items() if name not in before
        ],
        "change": [name for name, one in after.items() if name in before and before[name] != one],
        "release": [name for name in before if name not in after],
    }
    return "; ".join(f"{verb} {_some(items)}" for verb, items in parts.items() if items)


def _some(items: Sequence[str]) -> str:
    rest = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _plan_update(host: Host, plan: Plan, book: Book, update: Update, owed: bool) -> List[str]:
    """Plan what is done about one daemon; returns the warnings."""
    daemon, known = update.daemon, update.known
    differs = update.changes_conf or update.changes_hosts
    tell = known.running or owed
    if differs and tell and not owed:
        plan.add(Owe(SUBJECT, daemon.service))
    files = [_hosts_change(plan, update), _conf_change(host, plan, update)]
    # A configuration names ours only once it is there; where it is, what moves between them is in one.
    for change in files if known.hosts_text is None else reversed(files):
        if change is not None:
            plan.add(change)
    if tell and (differs or owed):
        plan.add(Activate(SUBJECT, book.backend, update))
    elif differs:
        return [f"{daemon.service} does not run: its files are written, and nobody is given anything until it does"]
    return []


def _hosts_change(plan: Plan, update: Update) -> Optional[PutFile]:
    if not update.changes_hosts:
        return None
    path = update.daemon.hosts_file
    plan.before[path], plan.after[path] = update.known.hosts_text or "", update.hosts_text
    return PutFile(SUBJECT, path, update.hosts_text, 0o644)


def _conf_change(host: Host, plan: Plan, update: Update) -> Optional[PutFile]:
    """With the mode and the owner that the file has; a symbolic link stays one."""
    if not update.changes_conf:
        return None
    path = update.daemon.conf
    status = host.stat(path)
    mode = 0o644 if status is None else stat.S_IMODE(status.st_mode)
    owner = (0, 0) if status is None else (status.st_uid, status.st_gid)
    plan.before[path], plan.after[path] = update.known.conf, update.conf
    return PutFile(SUBJECT, os.path.realpath(path), update.conf, mode, *owner)
