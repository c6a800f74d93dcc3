# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the main() of every module shares."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.module import declaring, require_root
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan


def test_not_root_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    with pytest.raises(BadInput, match=r"^not root: .*`become: true`$"):
        require_root()


class Switch:
    """What the body below works on: a lamp, a lock around it, and who did what in which order."""

    def __init__(self) -> None:
        self.on = False
        self.done: List[str] = []

    @contextlib.contextmanager
    def lock(self, _host: Host) -> Iterator[None]:
        self.done.append("lock")
        yield
        self.done.append("unlock")

    def plan(self, _host: Host, task: List[str], check_mode: bool) -> Plan:
        self.done.append("check" if check_mode else "plan")
        made = Plan()
        if not self.on:
            made.add(Turn("lamp", self, "broken" in task))
        return made

    def run(self, *names: str, check: bool = False) -> Dict[str, Any]:
        body = declaring("lamps", lambda params: list(params["names"]), self.plan, told, self.lock)
        module: Any = SimpleNamespace(params={"names": names}, check_mode=check, _diff=False)
        return body(module, Host())


@dataclass(frozen=True)
class Turn(Change):
    """Turn the lamp on, or fail."""

    lamp: Switch
    broken: bool

    def describe(self) -> str:
        return "turn it on"

    def apply(self, host: Host) -> None:
        if self.broken:
            raise ApiaryError("it is broken")
        self.lamp.done.append("turn")
        self.lamp.on = True


def told(task: List[str]) -> List[Dict[str, Any]]:
    return [{"name": name} for name in task]


def test_a_task_is_planned_and_done_under_one_lock() -> None:
    lamp = Switch()
    assert lamp.run("a", "b") == {
        "changed": True,
        "changes": {"lamp": ["turn it on"]},
        "lamps": [{"name": "a"}, {"name": "b"}],
    }
    assert lamp.done == ["lock", "plan", "turn", "unlock"]
    assert lamp.run("a") == {"changed": False, "changes": {}, "lamps": [{"name": "a"}]}


def test_check_mode_leaves_no_lock_behind_and_does_nothing() -> None:
    lamp = Switch()
    assert lamp.run("a", check=True)["changes"] == {"lamp": ["turn it on"]}
    assert lamp.done == ["check"] and not lamp.on


def test_what_failed_is_told_beside_the_elements() -> None:
    result = Switch().run("broken")
    assert result["failed"] and result["msg"] == "lamp: it is broken"
    assert result["lamps"] == [{"name": "broken"}]
