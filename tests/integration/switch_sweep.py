# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures at the commands of a task of bhyve_switch: in the end the host is what it is without them."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Dict, List

from faults import Sweep
from harness import Modules


class SwitchSweep(Sweep):
    """One of several tasks, of which each begins where the one before it ends; the last ends where the first begins."""

    # devd(8) starts new interfaces as well, by commands of its own, which come to pass a little earlier or later.
    polls = True
    #: Such as made, changed in all that can be changed, removed.
    tasks: ClassVar[List[Dict[str, Any]]]
    #: A script: takes away what is not the switches' own, and what tasks therefore leave as they found it.
    tidy: ClassVar[str]

    def __init__(self, modules: Modules, number: int) -> None:
        super().__init__(modules, "bhyve_switch", self.tasks[number])
        self.earlier = self.tasks[:number]
        self.goal: List[str] = []

    @abc.abstractmethod
    def state(self) -> List[str]:
        """All that the tasks change, but for the kernel's own numbers and orders."""

    def begin(self) -> None:
        self.modules.good(self.module, self.tasks[-1])
        self.host.sh(self.tidy)
        for task in self.earlier:
            self.modules.good(self.module, task)

    def record(self) -> None:
        super().record()
        self.goal = self.state()

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        return [f"{line} is in one only" for line in sorted(set(self.goal) ^ set(self.state()))]
