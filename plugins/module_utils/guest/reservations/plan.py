# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a task's plan that is about reservations: one for all its guests, after their own changes.

So the server's file is written once and the server told once, before the first guest starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Collection, Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.files import missing
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import (
    SUBJECT,
    plan_reservations,
    read_reservations,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.wishes import Wishes
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan


@dataclass
class ReservationPlan:
    """What is done about the server, and what of it each guest is told as its own steps."""

    wishes: Optional[Wishes] = None
    plan: Plan = field(default_factory=Plan)
    steps: Dict[str, List[str]] = field(default_factory=dict)
    #: The wanted reservations with the addresses that they get, by guest and name.
    reservations: Dict[str, Dict[str, Reservation]] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.plan.changed

    def describe(self) -> Dict[str, List[str]]:
        """The steps for humans, by subject."""
        told = {guest: steps for guest, steps in self.steps.items() if steps}
        return {**told, **self.descriptions()}

    def descriptions(self) -> Dict[str, List[str]]:
        """The steps about the server alone."""
        found = self.plan.descriptions()
        return {subject: [_hidden(step, self.wishes) for step in steps] for subject, steps in found.items()}

    def apply(self, host: Host, outcome: Outcome) -> None:
        """Make it so, and note in ``outcome`` what became of it. Guests that have failed are left as they were."""
        failed = set(outcome.failed) & set(self.steps)
        mine = self
        if not self.changed:
            return
        if failed and self.wishes is not None:
            try:
                mine = plan_wishes(host, self.wishes.without(failed))
            except ApiaryError as error:
                outcome.failed[SUBJECT] = error
                return
        outcome.add(mine.plan.apply(host))
        for guest, steps in mine.steps.items():
            for step in steps:
                if SUBJECT in outcome.failed:
                    outcome.left(guest, step)
                else:
                    outcome.did(guest, step)

    def unserved(self, outcome: Outcome) -> Collection[str]:
        """The guests whose reservations are not as they should be."""
        return [guest for guest, steps in self.steps.items() if steps] if SUBJECT in outcome.failed else []


def plan_wishes(host: Host, wishes: Optional[Wishes]) -> ReservationPlan:
    """Read the server and plan. BadInput, UnknownState, CommandError (the server refuses it) before any change."""
    if wishes is None or not wishes.needed:
        return ReservationPlan(warnings=wishes.warnings if wishes is not None else [])
    book = read_reservations(host, wishes.server)
    wanted = [one for some in wishes.wanted.values() for one in some]
    gone = {name: owner for some in wishes.gone.values() for name, owner in some.items() if name in book.reservations}
    result = ReservationPlan(wishes)
    planned = plan_reservations(host, result.plan, book, wanted, gone, wishes.ranges)
    told = [(f"reservation {one.name}", one.filename, one.next_server) for one in wanted]
    result.warnings += [*wishes.warnings, *planned.warnings, *missing(host, told)]
    for guest, some in wishes.wanted.items():
        after = {one.name: planned.reservations[one.name] for one in some}
        result.reservations[guest] = after
        result.steps[guest] = _steps(wishes.gone[guest], book.reservations, after)
    for name, view in result.plan.after.items():
        result.plan.after[name] = _hidden(view, wishes) if isinstance(view, str) else view
    return result


def _steps(gone: Mapping[str, str], before: Mapping[str, Reservation], after: Mapping[str, Reservation]) -> List[str]:
    steps = [f"release the reservation {name}" for name in gone if name in before]
    for name, one in after.items():
        if before.get(name) != one:
            verb = "change" if name in before else "make"
            what = f" of {', '.join(one.addresses)}" if one.addresses else ""
            steps.append(f"{verb} the reservation {name}{what}")
    return steps


def _hidden(text: str, wishes: Optional[Wishes]) -> str:
    """The text without the MAC addresses which, in check mode, stand for those that only apply can know."""
    for mac in wishes.unallocated if wishes is not None else ():
        text = text.replace(mac, UNALLOCATED)
    return text
