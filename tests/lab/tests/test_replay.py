# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real FreeBSD printed, replayed against the stand-in host: only known differences, and each still there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Container, Dict, List, Sequence, Tuple

import pytest
from replay import runner, transcript
from replay.__main__ import count

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")


@pytest.mark.early
@pytest.mark.parametrize("name", transcript.names())
def test_only_known_differences(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    known = runner.known_differences(name)
    verdicts = runner.replay(name, str(tmp_path / "first"))
    differ, gone = _surprises(verdicts, known)
    if differ or gone:
        # Background jobs and pauses are part of what was recorded, so on a busy machine a line may come out otherwise
        # once. What is wrong comes out wrong again.
        verdicts = runner.replay(name, str(tmp_path / "second"))
        again, gone_again = _surprises(verdicts, known)
        differ = {line: text for line, text in again.items() if line in differ}
        gone = [line for line in gone_again if line in gone]
    record_property("replay", count(verdicts))
    assert not differ, "not known:\n" + "\n\n".join(differ.values())
    assert not gone, f"these lines of {name}.txt agree now, take them from replay/known/{name}.json: {gone}"


def _surprises(verdicts: Sequence[runner.Verdict], known: Container[int]) -> Tuple[Dict[int, str], List[int]]:
    """The differences that are not known, by line, and the lines of known ones that are no more."""
    differ = {
        verdict.entry.line: verdict.difference()
        for verdict in verdicts
        if verdict.outcome == "differ" and verdict.entry.line not in known
    }
    return differ, [
        verdict.entry.line for verdict in verdicts if verdict.outcome == "agree" and verdict.entry.line in known
    ]


@pytest.mark.parametrize("name", transcript.names())
def test_every_known_difference_names_a_command(name: str) -> None:
    lines = {entry.line for entry in transcript.load(name)}
    assert set(runner.known_differences(name)) <= lines


def test_the_parser_keeps_a_missing_last_newline_and_several_lines() -> None:
    text = "======== a\n\n$ printf 'x\ny'\nexit: 1\nstdout:\n| x\n| y|\\\nstderr:\n| \n| b\n\n"
    text += "$ z\nexit: timeout after 90 s\n"
    first, second = transcript.parse(text)
    assert (first.line, first.heading, first.command, first.exit) == (3, "a", "printf 'x\ny'", 1)
    assert (first.stdout, first.stderr) == ("x\ny", "\nb\n")
    assert (second.command, second.exit) == ("z", None)


def test_a_line_without_the_recorders_form_is_an_error() -> None:
    with pytest.raises(ValueError, match="no exit status for the command of line 1"):
        transcript.parse("$ a")
