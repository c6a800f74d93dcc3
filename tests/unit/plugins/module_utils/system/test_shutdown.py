# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that a host gives its guests at shutdown is only raised."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.system import shutdown


@pytest.mark.parametrize(
    ("current", "expected"), [("90", "155"), ("155", "155"), ("600", "600"), (None, "155"), ("", "155"), ("x", "155")]
)
def test_what_is_larger_stays(current: Optional[str], expected: str) -> None:
    assert shutdown.at_least(current, 155) == expected


@pytest.mark.parametrize(
    ("line", "seconds", "expected"),
    [
        (None, 155, {"kern.init_shutdown_timeout": "185"}),
        ("600", 155, {"kern.init_shutdown_timeout": "600"}),
        ("60", 90, {"kern.init_shutdown_timeout": "120"}),
        # What the kernel gives by itself needs no line.
        (None, 90, {}),
        (None, None, {}),
    ],
)
def test_sysctl_conf_has_a_line_only_if_it_is_needed(
    line: Optional[str], seconds: Optional[int], expected: Dict[str, str]
) -> None:
    assert shutdown.sysctl_at_boot(line, seconds) == expected


def test_nobody_says_what_guests_need() -> None:
    assert shutdown.sysctl_now("120", None) == {} and shutdown.rc_variable("90", None) == {}
