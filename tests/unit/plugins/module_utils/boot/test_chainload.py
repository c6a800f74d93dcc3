# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chainload scripts: options, and what is made of them in a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.chainload.manage import plan
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.chainload.options import task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

pytestmark = pytest.mark.usefixtures("files_of_anybody")
TEXT = "#!ipxe\nexit\n"


def do(root: Path, scripts: List[Dict[str, Any]], check: bool = False) -> Dict[str, List[str]]:
    """Plan and, unless it is a check, apply; what was or would be done."""
    host = Host()
    task = task_of({"root": str(root), "scripts": scripts})
    made = plan(host, task, check)
    assert not host.commands
    if not check:
        outcome = made.apply(host)
        assert not outcome.failed
    return {path.rpartition("/")[2]: steps for path, steps in made.descriptions().items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "chainload").mkdir(mode=0o755)
    return tmp_path


def shown(root: Path) -> Dict[str, str]:
    """The directory: a file's text, or where a link leads."""
    return {
        one.name: os.readlink(one) if one.is_symlink() else one.read_text() for one in (root / "chainload").iterdir()
    }


def test_scripts_and_links_come_change_and_go(root: Path) -> None:
    script = {"name": "debian", "content": TEXT, "hosts": ["web1", "web2", "debian"]}
    assert sorted(do(root, [script], check=True)) == ["debian.ipxe", "web1.ipxe", "web2.ipxe"]
    assert shown(root) == {}
    do(root, [script])
    assert shown(root) == {"debian.ipxe": TEXT, "web1.ipxe": "debian.ipxe", "web2.ipxe": "debian.ipxe"}
    assert do(root, [script]) == {}
    do(root, [{**script, "hosts": ["web2"]}, {"name": "other.ipxe", "content": TEXT, "hosts": ["web1"]}])
    assert shown(root)["web1.ipxe"] == "other.ipxe" and shown(root)["web2.ipxe"] == "debian.ipxe"
    assert do(root, [{"name": "debian", "content": TEXT}]) == {}
    assert list(do(root, [{**script, "hosts": []}])) == ["web2.ipxe"]
    do(root, [{"name": "debian", "state": "absent"}, {"name": "other", "state": "absent"}])
    assert shown(root) == {}


def test_links_of_guests_are_theirs(root: Path) -> None:
    do(root, [{"name": "debian", "content": TEXT}])
    (root / "chainload" / "web1.ipxe").symlink_to("./debian.ipxe")
    with pytest.raises(BadInput, match=r"guests of this host boot by it .*: web1"):
        do(root, [{"name": "debian", "state": "absent"}])
    with pytest.raises(BadInput, match="web1 is a guest of this host"):
        do(root, [{"name": "other", "content": TEXT, "hosts": ["web1"]}])
    assert do(root, [{"name": "debian", "content": TEXT, "hosts": []}]) == {}


def test_files_that_are_booted_have_to_be_there(root: Path) -> None:
    script = {"name": "debian", "content": TEXT, "files": ["/os/linux"]}
    with pytest.raises(BadInput, match="debian: files: .*/os/linux, which the script boots, is missing"):
        do(root, [script])
    assert do(root, [script], check=True), "in check mode a tree is not there yet"
    (root / "os").mkdir()
    (root / "os" / "linux").write_text("x")
    (root / "os" / "linux").chmod(0o600)
    with pytest.raises(BadInput, match="cannot be read by everybody"):
        do(root, [script])


@pytest.mark.parametrize(
    ("scripts", "message"),
    [
        ([{"name": "../x", "content": TEXT}], "is no name of a chainload script"),
        ([{"name": "a", "content": "exit\n"}], "first line has to be #!ipxe"),
        ([{"name": "a"}], "first line has to be #!ipxe"),
        ([{"name": "a", "content": TEXT, "hosts": ["a b"]}], "hosts: 'a b' is no host name"),
        ([{"name": "a", "content": TEXT, "hosts": ["a" * 251]}], "is no host name"),
        ([{"name": "a", "content": TEXT, "files": ["../etc/passwd"]}], "is not below the root"),
        ([{"name": "a", "content": TEXT}, {"name": "a.ipxe", "content": TEXT}], "a.ipxe is there twice"),
        (
            [{"name": "a", "content": TEXT, "hosts": ["w"]}, {"name": "b", "content": TEXT, "hosts": ["w"]}],
            "w.ipxe is there twice",
        ),
    ],
)
def test_bad_input_names_the_option(root: Path, scripts: List[Dict[str, Any]], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        do(root, scripts)


def test_a_script_is_no_hosts_link(root: Path) -> None:
    (root / "chainload" / "web1.ipxe").write_text(TEXT)
    with pytest.raises(BadInput, match="web1 has a script of its own"):
        do(root, [{"name": "a", "content": TEXT, "hosts": ["web1"]}])
