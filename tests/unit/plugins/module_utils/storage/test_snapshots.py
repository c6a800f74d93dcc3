# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots as zfs get prints them, and the commands that make and destroy them."""

from __future__ import annotations

from typing import Container, List, Mapping, Optional, Sequence, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots

VALUES = {
    "zroot/apiary/web1": ("filesystem", "90", "-", "-", "-"),
    "zroot/apiary/web1/root": ("volume", "91", "-", "-", "-"),
    "zroot/apiary/web1@late": ("snapshot", "200", "-", "0", "stopped/local"),
    "zroot/apiary/web1@early": ("snapshot", "100", "", "0", "stopped/inherited from zroot/apiary"),
    "zroot/apiary/web1/root@late": ("snapshot", "200", "zroot/c1,zroot/c2", "2", "crash_consistent/received"),
    "zroot/apiary/web1/root#mark": ("bookmark", "150", "-", "-", "-"),
}


def text() -> str:
    """What zfs(8) prints for these."""
    lines: List[str] = []
    for name, (kind, txg, clones, holds, state) in VALUES.items():
        value, _slash, source = state.partition("/")
        rows: List[Tuple[str, str, str]] = [
            ("type", kind, "-"),
            ("createtxg", txg, "-"),
            ("creation", "1795229131", "-"),
        ]
        rows += [(prop, "12288", "-") for prop in ("used", "referenced", "written", "volsize")]
        rows += [("clones", clones, "-"), ("userrefs", holds, "-"), (snapshots.STATE, value, source or "-")]
        lines += [f"{name}\t{prop}\t{value}\t{source}" for prop, value, source in rows]
    return "\n".join(lines) + "\n"


class Recorder(Host):
    """A host that notes commands and gives one answer."""

    def __init__(self, stdout: str = "") -> None:
        super().__init__()
        self.stdout = stdout

    def run(
        self,
        argv: Sequence[str],
        *,
        what: str,
        accept: Container[int] = (0,),
        stdin: Optional[str] = None,
        timeout: Optional[float] = None,
        hint: str = "",
        env: Optional[Mapping[str, str]] = None,
    ) -> Result:
        self.commands.append(tuple(argv))
        return Result(tuple(argv), 0, self.stdout, "")


def test_points_come_in_the_order_of_their_making() -> None:
    storage = snapshots.parse_storage(text())
    assert sorted(storage.datasets) == ["zroot/apiary/web1", "zroot/apiary/web1/root"]
    assert [point.full_name for point in storage.points] == [
        "zroot/apiary/web1@early",
        "zroot/apiary/web1/root#mark",
        "zroot/apiary/web1/root@late",
        "zroot/apiary/web1@late",
    ]


def test_only_what_was_set_on_the_snapshot_makes_it_ours() -> None:
    states = {point.full_name: point.state for point in snapshots.parse_storage(text()).points}
    assert states["zroot/apiary/web1@early"] == ""
    assert states["zroot/apiary/web1@late"] == "stopped"
    assert states["zroot/apiary/web1/root@late"] == "crash_consistent"


def test_clones_and_holds() -> None:
    points = {point.full_name: point for point in snapshots.parse_storage(text()).points}
    assert points["zroot/apiary/web1/root@late"].clones == ("zroot/c1", "zroot/c2")
    assert points["zroot/apiary/web1/root@late"].holds == 2
    assert points["zroot/apiary/web1@early"].clones == points["zroot/apiary/web1@late"].clones == ()


@pytest.mark.parametrize("line", ["a\tb\tc", "a\ttype\tbanana\t-", "z@s\ttype\tsnapshot\t-"])
def test_a_line_that_makes_no_sense_is_not_taken_for_nothing(line: str) -> None:
    with pytest.raises(UnknownState):
        snapshots.parse_storage(line + "\n")


def test_a_name_is_within_itself_and_what_is_above_only() -> None:
    assert snapshots.is_within("zroot/apiary/web1/root", "zroot/apiary/web1")
    assert not snapshots.is_within("zroot/apiary/web10", "zroot/apiary/web1")


def test_reading_is_one_command_and_none_for_nothing() -> None:
    host = Recorder(text())
    snapshots.read_storage(host, ["zroot/apiary/web1", "zroot/apiary/web2"])
    assert len(host.commands) == 1 and host.commands[0][-2:] == ("zroot/apiary/web1", "zroot/apiary/web2")
    assert snapshots.read_storage(host, []).points == () and len(host.commands) == 1


def test_who_holds_is_asked_only_when_somebody_does() -> None:
    host = Recorder("zroot/apiary/web1/root@late\tkeep\tSat Nov 21 02:45 2026\n")
    storage = snapshots.with_tags(host, snapshots.parse_storage(text()))
    assert host.commands == [("zfs", "holds", "-H", "zroot/apiary/web1/root@late")]
    assert storage.holders("zroot/apiary/web1/root@late") == "zroot/apiary/web1/root@late by keep"
    assert snapshots.with_tags(host, snapshots.Storage()).tags == {} and len(host.commands) == 1


def test_the_commands() -> None:
    host = Recorder()
    snapshots.take(host, ["z/a@x", "z/b@x"], "stopped")
    snapshots.destroy(host, "z/a", ["x", "y"])
    snapshots.roll_back(host, "z/a@x", False)
    snapshots.roll_back(host, "z/a@x", True)
    assert [" ".join(argv) for argv in host.commands] == [
        "zfs snapshot -r -o apiary:state=stopped z/a@x z/b@x",
        "zfs destroy -r z/a@x,y",
        "zfs rollback z/a@x",
        "zfs rollback -r z/a@x",
    ]
