# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded polls: looked at once in any case, not again once it is seen, and once more when the time is just over."""

from __future__ import annotations

from typing import List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils import waiting
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts


class Clock:
    """A time that only goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: List[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(waiting, "time", made)
    return made


def test_there_is_one_look_even_without_time(clock: Clock) -> None:
    assert list(attempts(0)) == [1]
    assert clock.slept == []


def test_the_last_look_is_after_the_time_is_over(clock: Clock) -> None:
    assert list(attempts(10.0, 4.0)) == [1, 2, 3, 4]
    assert clock.slept == [4.0, 4.0, 4.0]


def test_who_has_seen_it_does_not_wait(clock: Clock) -> None:
    assert any(number == 3 for number in attempts(10.0, 0.5))
    assert clock.slept == [0.5, 0.5]


def test_the_time_of_the_looks_counts(clock: Clock) -> None:
    looks = 0
    for _attempt in attempts(10.0):
        clock.now += 6.0
        looks += 1
    assert looks == 2
