# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs allow and unallow, for users and groups: kept and shown, not enforced (everything runs as root here)."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ...zfs import names, options
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Item
from ...zfs.session import Session

_LINE = 70


def allow(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "ldcu:g:eshr")
    letters = options.flags(given)
    for letter in "ceshrg":
        if letter in letters:
            raise NotBuilt(f"zfs: allow -{letter}")
    if not given and len(operands) == 1:
        _show(session, operands[0])
        return 0
    users = [value for letter, value in given if letter == "u"] or operands[:1]
    rest = operands if "u" in letters else operands[1:]
    if len(rest) != 2:
        raise UsageError("wrong number of parameters")
    item = _open(session, rest[1])
    scope = {"l": "local", "d": "descendent"}.get(letters.replace("u", ""), "both")
    table: Dict[str, Dict[str, List[str]]] = item.dataset.setdefault("allow", {})
    for user in users[0].split(","):
        known = table.setdefault(scope, {}).setdefault(user, [])
        known.extend(word for word in rest[0].split(",") if word not in known)
    session.log(names.pool_of(rest[1]))
    return 0


def _open(session: Session, name: str) -> Item:
    try:
        return session.model.open(name)
    except ZfsError as error:
        raise ZfsError(f"{error}\nFailed to open dataset: {name}", 255) from None


def _show(session: Session, name: str) -> None:
    item = _open(session, name)
    titles = (
        ("local", "Local permissions"),
        ("descendent", "Descendent permissions"),
        ("both", "Local+Descendent permissions"),
    )
    for holder in [name] + names.ancestors(name)[::-1]:
        table = (session.model.find(holder) or {}).get("allow", {}) if holder != name else item.dataset.get("allow", {})
        if not any(table.get(scope) for scope, _title in titles):
            continue
        head = f"---- Permissions on {holder} "
        print(head + "-" * (_LINE - len(head)))
        for scope, title in titles:
            if table.get(scope):
                print(f"{title}:")
                for user, words in sorted(table[scope].items()):
                    print("\tuser {} {}".format(user, ",".join(sorted(words))))


def unallow(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "rldu:g:ecsh")
    letters = options.flags(given)
    if set(letters) - set("uld"):
        raise NotBuilt(f"zfs: unallow -{letters}")
    users = [value for letter, value in given if letter == "u"] or operands[:1]
    rest = operands if "u" in letters else operands[1:]
    if len(rest) not in (1, 2):
        raise UsageError("wrong number of parameters")
    item = _open(session, rest[-1])
    for table in item.dataset.get("allow", {}).values():
        for user in users[0].split(","):
            dropped = rest[0].split(",") if len(rest) == 2 else list(table.get(user, []))
            left = [word for word in table.get(user, []) if word not in dropped]
            table.pop(user, None)
            if left:
                table[user] = left
    session.log(names.pool_of(rest[-1]))
    return 0
