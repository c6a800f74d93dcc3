# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans: what is told is what is done, and a failure of one subject stays with that subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan

journal: List[str] = []


@pytest.fixture(autouse=True)
def _empty_journal() -> None:
    journal.clear()


@dataclass(frozen=True)
class Step(Change):
    """A change that writes down what happens to it."""

    name: str
    fails: bool = False
    reversible: bool = False
    undo_fails: bool = False

    def describe(self) -> str:
        return f"do {self.name}"

    def apply(self, host: Host) -> None:
        if self.fails:
            raise ApiaryError(f"{self.name} broke")
        journal.append(f"+{self.name}")

    def undo(self, host: Host) -> bool:
        if self.undo_fails:
            raise ApiaryError(f"{self.name} stays")
        if self.reversible:
            journal.append(f"-{self.name}")
        return self.reversible


def plan_of(*steps: Step) -> Plan:
    plan = Plan()
    for step in steps:
        plan.add(step)
    return plan


def test_nothing_to_do_is_not_changed() -> None:
    assert not Plan().changed
    assert Plan().apply(Host()).changed is False


def test_what_is_told_is_what_is_done_in_order() -> None:
    plan = plan_of(Step("web1", "disk"), Step("db1", "disk2"), Step("web1", "tap"))
    assert plan.descriptions() == {"web1": ["do disk", "do tap"], "db1": ["do disk2"]}
    assert plan.apply(Host()).done == plan.descriptions()
    assert journal == ["+disk", "+disk2", "+tap"]


def test_check_mode_and_apply_give_the_same_result() -> None:
    plan = plan_of(Step("web1", "disk"))
    plan.before["web1"], plan.after["web1"] = {}, {"memory": "1G"}
    told = result_of(plan, None, with_diff=True)
    assert told == result_of(plan, plan.apply(Host()), with_diff=True)
    assert told["changed"] is True


def test_a_failed_subject_is_taken_back_newest_first_and_the_others_go_on() -> None:
    plan = plan_of(
        Step("web1", "a", reversible=True),
        Step("web1", "b"),
        Step("web1", "c", reversible=True),
        Step("web1", "d", fails=True),
        Step("db1", "e"),
        Step("web1", "f"),
    )
    outcome = plan.apply(Host())
    assert journal == ["+a", "+b", "+c", "-c", "-a", "+e"]
    assert outcome.done == {"web1": ["do b"], "db1": ["do e"]}
    assert outcome.undone == {"web1": ["do c", "do a"]}
    assert outcome.skipped == {"web1": ["do d", "do f"]}
    assert list(outcome.failed) == ["web1"]


def test_the_result_of_a_failure_names_each_object_and_what_became_of_it() -> None:
    plan = plan_of(Step("web1", "a"), Step("web1", "b", fails=True), Step("db1", "c", fails=True), Step("x", "d"))
    result = result_of(plan, plan.apply(Host()), with_diff=False)
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"] == "web1: b broke; db1: c broke"
    assert result["changes"] == {"web1": ["do a"], "x": ["do d"]}
    assert result["failures"] == [
        {"name": "web1", "msg": "b broke", "done": ["do a"], "undone": [], "not_done": ["do b"]},
        {"name": "db1", "msg": "c broke", "done": [], "undone": [], "not_done": ["do c"]},
    ]


def test_a_failure_that_was_taken_back_whole_is_not_changed() -> None:
    plan = plan_of(Step("web1", "a", reversible=True), Step("web1", "b", fails=True))
    assert result_of(plan, plan.apply(Host()), with_diff=False)["changed"] is False


def test_what_cannot_be_taken_back_is_said_beside_the_reason() -> None:
    plan = plan_of(Step("web1", "a", undo_fails=True), Step("web1", "b", fails=True))
    error = plan.apply(Host()).failed["web1"]
    assert str(error) == "b broke; taking back what was done before failed as well: a stays"


def test_the_diff_has_one_part_for_each_subject_that_differs() -> None:
    plan = Plan(
        before={"web1": {"memory": "1G"}, "same": {"cpus": 1}, "/etc/rc.conf": "a\n", "gone": {"cpus": 1}},
        after={"web1": {"memory": "2G"}, "same": {"cpus": 1}, "/etc/rc.conf": "a\nb\n", "gone": {}, "new": {"cpus": 2}},
    )
    assert [part["before_header"] for part in plan.diff()] == ["web1", "/etc/rc.conf", "gone", "new"]
    assert plan.diff()[0]["after"] == '{\n  "memory": "2G"\n}\n'
    assert (plan.diff()[1]["before"], plan.diff()[1]["after"]) == ("a\n", "a\nb\n")
    assert (plan.diff()[2]["after"], plan.diff()[3]["before"]) == ("", "")


def test_what_needs_a_subject_that_failed_stays_as_it_is() -> None:
    plan = plan_of(Step("a", "load", fails=True), Step("b", "write"), Step("b", "write more"), Step("c", "other"))
    plan.needs["b"] = ("a",)
    outcome = plan.apply(Host())
    assert journal == ["+other"]
    assert str(outcome.failed["b"]) == "left as it is, since a failed"
    assert outcome.skipped["b"] == ["do write", "do write more"]


def test_a_second_plan_goes_on_where_the_first_ended() -> None:
    outcome = Outcome({"web1": ["stop"]})
    error = ApiaryError("no room")
    outcome.add(Outcome({"web1": ["link"]}, {"db1": ["mkdir"]}, {"db1": ["link"]}, {"db1": error}))
    outcome.did("web1", "start")
    outcome.left("db1", "start")
    assert outcome == Outcome(
        {"web1": ["stop", "link", "start"]}, {"db1": ["mkdir"]}, {"db1": ["link", "start"]}, {"db1": error}
    )
