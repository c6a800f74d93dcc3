# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two steps of a task whose addresses move, and what becomes of it when the second does not reach the host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.apiary.bhyve.plugins.action import bhyve_switch

WAITS = {"changed": True, "move": {"id": "x", "timeout": 5}, "diff": ["all"], "commands_started": 5, "warnings": ["w"]}
DONE = {"changed": True, "switches": [], "diff": [], "commands_started": 3}


class Task(bhyve_switch.ActionModule):
    """The plugin with a connection and answers of our own: results, or errors that are raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.log: List[Any] = []
        self._task = SimpleNamespace(args={"name": "lan"})
        self._connection = SimpleNamespace(reset=lambda: self.log.append("reset"))

    def _execute_module(self, **options: Any) -> Dict[str, Any]:
        self.log.append(options["module_args"])
        answer = self.answers.pop(0) if self.answers else AnsibleConnectionFailure("no route to host")
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(
        bhyve_switch,
        "time",
        SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)),
    )


def test_a_task_that_moves_nothing_is_one_step() -> None:
    for result in (DONE, {"failed": True, "msg": "no"}, {**WAITS, "failed": True}):
        task = Task(result)
        assert task.run() == result and task.log == [{"name": "lan"}]


def test_the_second_step_comes_by_a_new_connection() -> None:
    task = Task(WAITS, DONE)
    result = task.run()
    assert result == {**DONE, "diff": ["all"], "commands_started": 8, "warnings": ["w"]}
    assert task.log == [{"name": "lan"}, "reset", {"name": "lan", "move_confirm": "x"}]


def test_it_is_tried_until_it_reaches_the_host() -> None:
    put_back = {"failed": True, "msg": "the old state was put back"}
    task = Task(WAITS, AnsibleConnectionFailure("timed out"), {"unreachable": True, "msg": "timed out"}, put_back)
    assert task.run()["msg"] == put_back["msg"] and task.log.count("reset") == 3


def test_a_host_that_is_never_reached_again_is_a_failure() -> None:
    result = Task(WAITS).run()
    assert result["failed"] and "could not be reached within 155 s" in result["msg"]
    assert result["msg"].endswith("no route to host")
