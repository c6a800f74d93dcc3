# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at the commands of a task, each in turn; then the same task again must put things right."""

from __future__ import annotations

import abc
import json
import os
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, TypeVar

from harness import Modules
from polls import until

T = TypeVar("T")
#: No task takes longer, whatever fails in it: seconds.
PATIENCE = 120.0
#: What goes wrong, as rules of the stand-in host: the command does nothing and fails, does its work and fails, never
#: ends, or the power goes with it.
MODES: Dict[str, Dict[str, Any]] = {
    "fail": {"mode": "fail", "exit": 1, "stderr": "it failed"},
    "half": {"mode": "half", "exit": 1, "stderr": "it failed"},
    "hang": {"mode": "hang"},
    "cut": {"mode": "cut"},
}


def _all() -> bool:
    """Whether time does not count (``make faults``)."""
    return os.environ.get("APIARY_FAULTS") == "all"


def tried(count: int) -> List[int]:
    """The numbers of the commands, of ``count``, that a sweep of faults goes through.

    ``make faults`` takes all of them. Continuous integration has not the time for that: it takes the first, the last,
    and each sixth in between.
    """
    if _all():
        return list(range(1, count + 1))
    return sorted({*range(1, count + 1, 6), count})


def sample(items: Sequence[T], size: int = 4) -> List[T]:
    """Some of the items, evenly apart, the first and the last among them; for ``make faults`` all."""
    if _all():
        return list(items)
    return [items[index] for index in sorted({number * (len(items) - 1) // (size - 1) for number in range(size)})]


class Sweep(abc.ABC):
    """Lets a task go wrong at its commands, each in turn, and runs it again without a fault.

    Where the task begins, and what it promises beyond being done and then changing nothing, is said by the class that
    derives from this one.
    """

    #: Whether the task changes nothing when it has come to its end and is run once more.
    settles = True
    #: Whether the task polls: how often varies from run to run, so that the last commands may not come to pass.
    polls = False

    def __init__(self, modules: Modules, module: str, task: Mapping[str, Any]) -> None:
        self.modules, self.host = modules, modules.host
        self.module, self.task = module, task
        #: The commands of the task when all goes well.
        self.commands: List[str] = []
        self.tried = 0
        #: The commands that did not come to pass.
        self.missed: List[str] = []
        self.wrong: List[str] = []

    @abc.abstractmethod
    def begin(self) -> None:
        """Bring the host to where the task begins."""

    def left(self, _result: Optional[Dict[str, Any]]) -> List[str]:
        """What is wrong with what the fault has left; the task's result, or None when it was ended."""
        return []

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        """What is wrong with the end that the task, run again, has come to; its result."""
        return []

    def missing(self, number: int) -> bool:
        """Whether the command of that number, at which nothing went wrong, did not come to pass."""
        return len(self.host.commands()) < number

    def rule(self, number: int) -> Dict[str, Any]:
        """The command of that number, counted from 1, as a rule matches it."""
        return {"match": ["*"], "kth": number}

    def record(self) -> None:
        """Do the task for good, and note its commands."""
        self.begin()
        self.host.clear_commands()
        self.modules.good(self.module, self.task)
        self.commands = [" ".join(call.argv) for call in self.host.commands()]

    def numbers(self) -> List[int]:
        """The numbers of all commands."""
        return list(range(1, len(self.commands) + 1))

    def go(self, mode: str, numbers: Iterable[int]) -> None:
        """A fault at each of these commands; in the end all must be well."""
        for number in numbers:
            self.one(mode, number)
        self.end()

    def one(self, mode: str, number: int) -> None:
        """A fault at one command, and what is wrong after it."""
        self.begin()
        self.host.clear_commands()
        self.host.set_faults([{**self.rule(number), **MODES[mode]}])
        result = self._broken(mode)
        fired = self.host.fired_faults()
        self.host.set_faults([])
        self.tried += 1
        if not fired:
            (self.missed if self.missing(number) else self.wrong).append(f"{self.commands[number - 1]}: not hit")
            return
        at = f"{mode} at {number} ({' '.join(fired[0]['argv'])})"
        self.wrong += [f"{at}: {text}" for text in self.left(result)]
        self.wrong += [f"{at}: {text}" for text in self._converge()]

    def end(self) -> None:
        """All was well, and all faults were hit; of a task that polls, at least one."""
        assert not self.wrong, "\n".join(self.wrong)
        assert not self.tried or len(self.missed) < self.tried, self.missed
        assert self.polls or not self.missed, self.missed

    def _converge(self) -> List[str]:
        again = self.modules.run(self.module, self.task)
        if again.get("failed"):
            return [f"converge failed: {json.dumps(again)[:600]}"]
        if self.settles:
            settled = self.modules.run(self.module, self.task)
            if settled.get("failed") or settled["changed"]:
                return [f"the second run is not unchanged: {json.dumps(settled)[:600]}"]
        return self.reached(again)

    def _broken(self, mode: str) -> Optional[Dict[str, Any]]:
        """Run the task into the fault; its result, if it had the time for one."""
        process = self.modules.start(self.module, self.task)
        if mode in ("fail", "half"):
            return self.modules.finish(process, PATIENCE)
        if mode == "hang":
            until(lambda: self.host.fired_faults() or process.poll() is not None, PATIENCE)
            self.host.run(["pkill", "-9", "-f", rf"runner(\.py)? {self.module}"])
            process.communicate(timeout=PATIENCE)
            # What hangs is killed as an administrator would do it, by its pid.
            for hit in self.host.fired_faults():
                self.host.sh(f"kill -9 {hit['pid']}")
            return None
        process.communicate(timeout=PATIENCE)
        if self.host.fired_faults():
            self.host.wait_off()
            self.host.boot()
        return None
