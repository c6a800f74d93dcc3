# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editing assignments in sh files: only the assignment changes."""

from __future__ import annotations

from typing import List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.system.shell import (
    append_assignment,
    assignments,
    delete_assignment,
    double_quoted,
    set_assignment,
)


def names(text: str) -> List[str]:
    return [item.name for item in assignments(text, "rc.conf")]


def edit(text: str, value: str = "new") -> str:
    return set_assignment(text, assignments(text, "rc.conf")[-1], value)


def test_assignments_are_found_at_the_start_of_lines_only() -> None:
    text = "# a=1\nb=2\n  c=3 # d=4\n\te='5'\necho f=6\nexport g=7\nh=8; i=9\nj-k=1\n1l=1\n"
    assert names(text) == ["b", "c", "e", "h"]


def test_what_is_inside_quotes_is_no_assignment() -> None:
    text = "a=\"x\nb=1\n\"\nc='y\nd=1\n'\ne=`f\ng=1\n`\nh=$(i\nj=1\n)\nk=1 \\\nl=1\n"
    assert names(text) == ["a", "c", "e", "h", "k"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=old\n", 'a="new"\n'),
        ("a=\n", 'a="new"\n'),
        ('a="old"', 'a="new"'),
        ("a='old' # why\n", "a='new' # why\n"),
        ('  a="o \\" # l"d\t# why\n', '  a="new"\t# why\n'),
        ("a=old;b=1\n", 'a="new";b=1\n'),
        ("a=\"x\"'y'z # c\n", 'a="new" # c\n'),
        ('a="${b:-"x y"}"\n', 'a="new"\n'),
        ("a=o#ld # c\n", 'a="new" # c\n'),
        ('a="x\ny" # c\nb=1\na=2\n', 'a="x\ny" # c\nb=1\na="new"\n'),
    ],
)
def test_only_the_value_changes(text: str, expected: str) -> None:
    assert edit(text) == expected


def test_single_quotes_stay_unless_the_value_has_one() -> None:
    assert edit("a='old'\n", "$x") == "a='$x'\n"
    assert edit("a='old'\n", "it's") == 'a="it\'s"\n'


def test_removing_takes_the_line_with_its_comment() -> None:
    text = "a=1\nb=2 # two\nc=3\n"
    assert delete_assignment(text, assignments(text, "rc.conf")[1], "rc.conf") == "a=1\nc=3\n"


@pytest.mark.parametrize("line", ["b=2; echo done", "b=2 make install", "b=2 || exit"])
def test_a_line_that_does_more_is_not_removed(line: str) -> None:
    text = f"a=1\n{line}\n"
    with pytest.raises(UnknownState, match="line 2 does more than to set it"):
        delete_assignment(text, assignments(text, "rc.conf")[1], "rc.conf")


def test_appending_ends_an_unfinished_last_line_first() -> None:
    assert append_assignment("a=1", "b", "x y") == 'a=1\nb="x y"\n'
    assert append_assignment("", "b", "") == 'b=""\n'


def test_a_value_is_spelt_so_that_sh_reads_it_back() -> None:
    assert double_quoted('say "$HOME" `x` \\') == '"say \\"\\$HOME\\" \\`x\\` \\\\"'


@pytest.mark.parametrize("text", ['a="x\n', "a='x\n", "a=`x\n", "a=$(x\n", "cat <<EOF\na=1\nEOF\n"])
def test_what_cannot_be_followed_is_an_error_that_names_the_file(text: str) -> None:
    with pytest.raises(UnknownState, match=r"cannot edit rc\.conf"):
        assignments(text, "rc.conf")
