# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which guests start: the function of the runtime that decides it, alone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List, Tuple

import pytest

RUNTIME = Path(__file__).resolve().parents[4] / "roles" / "bhyve_host" / "files" / "apiary"


def waves(lines: List[str]) -> Tuple[List[str], str]:
    text = RUNTIME.read_text()
    begin = text.index("\nwaves() {")
    function = text[begin : text.index("\n}\n", begin) + 3]
    # FreeBSD's awk is the one true awk, which is stricter than others.
    script = f'awk() {{ original-awk "$@"; }}\n{function}waves'
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(["dash", "-c", script], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        (["50 web1"], ["web1"]),
        (["50 web1", "50 web2", "10 db"], ["db", "web1 web2"]),
        # Numbers, not texts.
        (["100 late", "20 early"], ["early", "late"]),
        # after splits guests of one order.
        (["50 a b", "50 b c", "50 c"], ["c", "b", "a"]),
        # after is stronger than order.
        (["10 web db", "50 db"], ["db", "web"]),
        # A guest that is not to be started holds up nobody.
        (["50 web nobody"], ["web"]),
        # Whole names.
        (["50 web1 web", "50 web10", "50 web.1"], ["web.1 web1 web10"]),
        (["50 app db cache", "10 cache", "20 db"], ["cache", "db", "app"]),
    ],
)
def test_order_and_after(lines: List[str], expected: List[str]) -> None:
    assert waves(lines) == (expected, "")


def test_a_circle_is_named_and_does_not_keep_guests_from_starting() -> None:
    started, complaint = waves(["50 a b", "50 b a", "50 c"])
    assert started == ["c", "a", "b"]
    assert complaint == "apiary: circle of after: a does not wait\n"


def test_a_guest_that_waits_for_itself_starts() -> None:
    started, complaint = waves(["50 a a"])
    assert started == ["a"]
    assert "circle" in complaint
