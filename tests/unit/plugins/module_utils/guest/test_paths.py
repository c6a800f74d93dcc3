# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large given disks are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.given import add_sizes, parse_diskinfo
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result

TEXT = "/dev/vtbd1\t512\t10737418240\t20971520\t0\t0\t20805\t16\t63\n/dev/zvol/t/v\t512\t8388608\t16384\t16384\t0\n"


class Disks(Host):
    """A host with devices."""

    def stat(self, path: str) -> Optional[os.stat_result]:
        return os.stat("/dev/null") if path.startswith("/dev/") else super().stat(path)

    def run(self, argv: Sequence[str], **_options: Any) -> Result:
        self.commands.append(tuple(argv))
        return Result(tuple(argv), 1, TEXT, "diskinfo: /dev/odd: ioctl(DIOCGMEDIASIZE) failed, probably not a disk.")


def entry(name: str, **paths: str) -> Dict[str, Any]:
    disks = [{"name": disk, "backing": "path", "path": path} for disk, path in paths.items()]
    return {"name": name, "disks": [*disks, {"name": "own", "backing": "zvol", "size": "1G"}], "status": {}}


def test_files_by_their_size_and_all_devices_by_one_command(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"x" * 4096)
    entries: List[Dict[str, Any]] = [
        entry("web1", a=f"{tmp_path}/a.img", b="/dev/vtbd1", gone=f"{tmp_path}/no", odd="/dev/odd"),
        entry("web2", c="/dev/zvol/t/v"),
        {"name": "web3", "state": "absent"},
    ]
    host = Disks()
    add_sizes(host, entries)
    assert [one.get("status", {}).get("disk_sizes") for one in entries] == [{"a": "4K", "b": "10G"}, {"c": "8M"}, None]
    assert host.commands == [("diskinfo", "/dev/vtbd1", "/dev/odd", "/dev/zvol/t/v")]


def test_without_devices_no_command() -> None:
    host = Disks()
    add_sizes(host, [entry("web1")])
    assert host.commands == []


def test_an_answer_that_is_none() -> None:
    with pytest.raises(UnknownState, match="printed a line that cannot be read: 'what'"):
        parse_diskinfo("what\n")
