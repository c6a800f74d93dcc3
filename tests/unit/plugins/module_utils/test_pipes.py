# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands connected by pipes: everything flows, and what fails is told."""

from __future__ import annotations

from typing import Iterator

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.pipes import pipeline, run_pipeline

MUCH = 3 << 20


def pieces(count: int = MUCH) -> Iterator[bytes]:
    """More than any pipe holds."""
    for _number in range(count >> 16):
        yield b"x" * (1 << 16)


@pytest.fixture
def host() -> Host:
    return Host()


def test_all_that_is_fed_comes_out_at_the_end(host: Host) -> None:
    with pipeline(host, [["cat"], ["tr", "x", "y"]], what="x", source=pieces()) as output:
        data = output.read()
    assert data == b"y" * MUCH
    assert host.commands == [("cat",), ("tr", "x", "y")]


def test_without_a_source_the_first_command_reads_nothing(host: Host) -> None:
    with pipeline(host, [["cat"], ["wc", "-c"]], what="x") as output:
        assert output.read().split() == [b"0"]


@pytest.mark.parametrize(
    ("commands", "culprit", "said"),
    [
        ([["sh", "-c", "echo broken >&2; exit 3"], ["cat"]], "sh", "broken"),
        ([["cat"], ["sh", "-c", "echo full >&2; exit 4"]], "sh", "full"),
        ([["cat"], ["sh", "-c", "cat; echo late >&2; exit 5"], ["cat"]], "sh", "late"),
    ],
)
def test_the_command_that_failed_is_named(host: Host, commands: list[list[str]], culprit: str, said: str) -> None:
    with pytest.raises(CommandError) as caught:
        run_pipeline(host, commands, what="cannot do it", source=pieces())
    assert caught.value.argv[0] == culprit
    assert said in str(caught.value)


def test_of_two_failures_the_first_is_told_as_well(host: Host) -> None:
    first, last = ["sh", "-c", "echo root of it >&2; exit 3"], ["sh", "-c", "cat; echo cut off >&2; exit 1"]
    with pytest.raises(CommandError, match="cut off .*root of it"):
        run_pipeline(host, [first, last], what="x")


def test_a_source_that_fails_is_the_failure_and_the_commands_are_killed(host: Host) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise ApiaryError("the source is damaged")

    with pytest.raises(ApiaryError, match="the source is damaged"):
        run_pipeline(host, [["cat"], ["cat"]], what="x", source=broken())


def test_a_program_that_is_not_there(host: Host) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run_pipeline(host, [["cat"], ["apiary-no-such-program"]], what="x", source=pieces())


def test_left_early_nothing_stays_behind(host: Host) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        pipeline(host, [["yes"], ["cat"]], what="x") as output,
    ):
        assert output.read(2) == b"y\n"
        raise ZeroDivisionError
