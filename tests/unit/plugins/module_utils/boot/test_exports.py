# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of exports(5), the options that make them, and what a syslog says of them."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot import messages
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports import conf
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports.options import Export, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

ROOT = Export("root", ("/t/root",), network="10.10.0.0/24", maproot="root")
LINE = "# apiary.bhyve: root\n/t/root -ro -maproot=root -network 10.10.0.0/24\n"
OTHER = "# mine\n/home -alldirs \\\n  10.0.0.1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE),
        (OTHER[:-1], OTHER + LINE),
        (LINE.replace("-ro ", "") + OTHER, LINE + OTHER),
        (OTHER + "# apiary.bhyve: root\n/t/root \\\n  -ro\n# x\n", OTHER + LINE + "# x\n"),
        (LINE.replace(": root", ": root2"), LINE.replace(": root", ": root2") + LINE),
    ],
)
def test_a_line_is_made_or_changed_and_nothing_else(before: str, after: str) -> None:
    assert conf.edit(before, [ROOT]) == after
    assert conf.edit(after, [ROOT]) == after


def test_what_goes_takes_its_comment_along() -> None:
    assert conf.edit(OTHER + LINE + OTHER, [Export("root", present=False)]) == OTHER + OTHER
    assert conf.edit(OTHER, [Export("root", present=False)]) == OTHER


@pytest.mark.parametrize(
    ("text", "clash"),
    [
        (LINE + "/t/other -network 10.10.0.0/24\n", True),
        ("/t/other -network=10.10.0.0/24\n" + LINE, True),
        (LINE + "/t/other -network 10.11.0.0/24\n", False),
        (LINE + "/elsewhere -network 10.10.0.0/24\n", False),
        ("/t/a 10.0.0.1\n/t/b 10.0.0.1\n" + LINE, False),
    ],
)
def test_one_line_a_file_system_and_set_of_clients(text: str, clash: bool) -> None:
    def system_of(path: str) -> str:
        return "/t" if path.startswith("/t/") else "/"

    if clash:
        with pytest.raises(BadInput, match="root: .*one file system"):
            conf.check(text, system_of, [ROOT])
    else:
        conf.check(text, system_of, [ROOT])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "paths: the directories"),
        ({"paths": ["t/root"]}, "'t/root' is not an absolute path"),
        ({"paths": ["/t/a b"]}, "is not an absolute path without blanks"),
        ({"paths": ["/t/../etc"]}, "is not an absolute path"),
        ({"paths": ["/t"], "network": "10.0.0.0"}, "has no prefix length"),
        ({"paths": ["/t"], "network": "10.0.0.1/24"}, "network: '10.0.0.1/24'"),
        ({"paths": ["/t"], "network": "10.0.0.0/24", "clients": ["a"]}, "takes one of the two in a line"),
        ({"paths": ["/t"], "clients": ["10.0.0.0/24"]}, "a network goes to network"),
        ({"paths": ["/t"], "maproot": "root", "mapall": "www"}, "maproot and mapall"),
        ({"paths": ["/t"], "maproot": "a b"}, "is no user"),
        ({"paths": ["/t", "/u"], "alldirs": True}, "it is of one directory"),
        ({"name": "a b", "paths": ["/t"]}, "name: 'a b'"),
    ],
)
def test_bad_input_names_the_option(params: Dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        task_of({"name": "root", **params})


def test_a_line_has_the_options_in_one_order() -> None:
    (export,) = task_of(
        {"name": "x", "paths": ["/a", "/b"], "clients": ["h"], "read_only": False, "mapall": "0"}
    ).exports
    assert export.line == "/a /b -mapall=0 h"


def test_what_a_program_said_is_told_apart_from_others() -> None:
    text = "Nov 21 09:55:17 h mountd[10425]: bad exports list line 'x'\nNov  1 09:55:17 h mountdx[1]: no\nNov 21 x\n"
    assert messages.lines_of(text, "mountd") == ["bad exports list line 'x'"]
