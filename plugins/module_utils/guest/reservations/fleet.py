# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reservations of a task's guests, added to the plan for these."""

from __future__ import annotations

from typing import Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import plan_wishes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import told
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.wishes import wishes_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


def add_reservations(host: Host, plan: FleetPlan, desired: Sequence[Desired], observed: Observed) -> None:
    """Plan the guests' reservations. ApiaryError when they cannot be made; then nothing was changed."""
    plan.reservations = planned = plan_wishes(host, wishes_of(desired, observed))
    plan.warnings += planned.warnings
    for one in plan.guests:
        one.reservations = planned.steps.get(one.name, [])
        status = one.entry.get("status")
        if status is not None:
            status["reservations"] = told(one.name, planned.reservations.get(one.name, observed.dhcp.of(one.name)))
