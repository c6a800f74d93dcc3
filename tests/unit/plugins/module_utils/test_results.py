# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every failure of a module tells."""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, error_details, failed_part


def test_the_parts_of_a_failed_command_are_keys_of_their_own() -> None:
    error = CommandError("cannot do it", ["zfs", "create", "zroot/a b"], 1, "out", "no room\n")
    assert error_details(error) == {
        "cmd": ["zfs", "create", "zroot/a b"],
        "rc": 1,
        "stdout": "out",
        "stderr": "no room\n",
    }


def test_the_command_behind_an_error_is_told_too() -> None:
    try:
        try:
            raise CommandError("cannot do it", ["zfs"], 2)
        except CommandError as cause:
            raise ApiaryError("web1 cannot be made") from cause
    except ApiaryError as error:
        assert error_details(error)["rc"] == 2
    assert error_details(BadInput("memory: 8 has no unit")) == {}


def test_nothing_is_told_of_failures_when_there_are_none() -> None:
    assert failed_part(Outcome(done={"web1": ["start"]})) == {}


def test_each_object_says_what_was_done_and_why_it_failed() -> None:
    error = CommandError("cannot start", ["apiary", "start"], 1, "", "no room\n")
    outcome = Outcome(done={"web1": ["stop"]}, undone={"web1": ["link"]}, failed={"web1": error})
    outcome.left("web1", "start")
    assert entry_of({"name": "web1"}, "web1", outcome) == {
        "name": "web1",
        "changed": True,
        "changes": ["stop"],
        "failed": str(error),
    }
    assert entry_of({"name": "db1"}, "db1", outcome) == {"name": "db1", "changed": False, "changes": []}
    part = failed_part(outcome)
    assert part["failed"] is True and part["msg"] == f"web1: {error}"
    assert part["failures"] == [
        {
            "name": "web1",
            "msg": str(error),
            "done": ["stop"],
            "undone": ["link"],
            "not_done": ["start"],
            **error_details(error),
        }
    ]
