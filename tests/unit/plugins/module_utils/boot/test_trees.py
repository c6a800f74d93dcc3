# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot trees: their options, and what is noted in them."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.trees import options
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.trees.options import Made, trees_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

DIGEST = "sha256:" + "ab" * 32
GOOD: Dict[str, Any] = {"path": "/tftpboot/debian", "source": "https://example.org/a.iso", "checksum": DIGEST}


def test_what_is_noted_is_read_again() -> None:
    made = Made("/a.iso", DIGEST, ("boot", "EFI/x"), True, "1 2")
    assert options.load(options.dump(made, "cd" * 32), "x") == made
    assert options.load(None, "x") is None


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"schema": 9}'])
def test_a_marker_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UnknownState, match="/t/marker"):
        options.load(text, "/t/marker")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "tftpboot"}, "is not an absolute path"),
        ({"path": "/tftpboot/../etc"}, "is not an absolute path"),
        ({"path": "/usr/local"}, "a directory of its own"),
        ({"path": "/tftpboot/x/"}, "is not an absolute path"),
        ({"source": None}, "source: an ISO"),
        ({"source": "ftp://example.org/a.iso"}, "neither a URL"),
        ({"source": "a.iso"}, "neither a URL"),
        ({"checksum": None}, "or none to do without"),
        ({"checksum": "md5:00"}, "checksum: 'md5:00'"),
        ({"paths": ["/etc/passwd"]}, "paths: '/etc/passwd' is no path in the archive"),
        ({"paths": ["a/../../b"]}, "no path in the archive"),
        ({"paths": ["*"]}, "no path in the archive"),
        ({"paths": [""]}, "no path in the archive"),
    ],
)
def test_bad_input_names_the_option(change: Dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        trees_of({**GOOD, **change})


@pytest.mark.parametrize("paths", [("/t/a", "/t/a"), ("/t/a", "/t/a/b")])
def test_trees_do_not_overlap(paths: Any) -> None:
    with pytest.raises(BadInput, match="trees: /t/a"):
        trees_of({"trees": [{**GOOD, "path": path} for path in paths]})


def test_without_a_checksum_only_when_it_is_said() -> None:
    (tree,) = trees_of({**GOOD, "checksum": "none"})
    assert tree.made is not None and tree.made.checksum == ""
    (tree,) = trees_of({**GOOD, "source": "/a.iso", "checksum": None})
    assert tree.made is not None and tree.made.checksum == ""
