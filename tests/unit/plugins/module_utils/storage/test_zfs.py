# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datasets as zfs get prints them, and the commands that change them."""

from __future__ import annotations

from typing import Container, List, Mapping, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import (
    Zfs,
    parse_datasets,
    read_datasets,
    volume_reservation,
)

TEXT = """\
zroot/apiary\ttype\tfilesystem\t-
zroot/apiary\tmounted\tyes\t-
zroot/apiary\tvolsize\t-\t-
zroot/apiary\tvolmode\tdev\tlocal
zroot/apiary/bad name\ttype\tfilesystem\t-
zroot/apiary/bad name\tmounted\tno\t-
zroot/apiary/web1/root\ttype\tvolume\t-
zroot/apiary/web1/root\tvolsize\t1073741824\tlocal
zroot/apiary/web1/root\tvolmode\tdev\tinherited from zroot/apiary
zroot/apiary/web1/root\trefreservation\tnone\tdefault
"""


class Answering(Host):
    """A host whose zfs(8) gives one answer."""

    def __init__(self, rc: int = 0, stdout: str = "", stderr: str = "") -> None:
        super().__init__()
        self.answer = Result((), rc, stdout, stderr)

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
        if self.answer.rc not in accept:
            raise CommandError(what, argv, self.answer.rc, self.answer.stdout, self.answer.stderr)
        return self.answer


def test_datasets_with_their_properties_and_sources() -> None:
    datasets = parse_datasets(TEXT)
    root = datasets["zroot/apiary/web1/root"]
    assert root.is_volume
    assert root.size("volsize") == 1 << 30
    assert root.size("refreservation") == 0
    assert root.source("volmode") == "inherited from zroot/apiary"
    assert root.node == "/dev/zvol/zroot/apiary/web1/root"
    assert datasets["zroot/apiary"].mounted
    assert not datasets["zroot/apiary/bad name"].mounted


@pytest.mark.parametrize(
    "text",
    [
        "zroot/a\ttype\tfilesystem\n",
        "zroot/a type filesystem -\n",
        "zroot/a\ttype\tbookmark\t-\n",
        "zroot/a\tused\t1\t-\n",
    ],
)
def test_what_cannot_be_read_is_unknown(text: str) -> None:
    with pytest.raises(UnknownState, match="zfs get"):
        parse_datasets(text)


def test_a_size_that_is_no_number_is_unknown() -> None:
    dataset = parse_datasets("zroot/v\ttype\tvolume\t-\nzroot/v\tvolsize\t1G\tlocal\n")["zroot/v"]
    with pytest.raises(UnknownState, match="volsize of dataset zroot/v"):
        dataset.size("volsize")


def test_one_command_reads_them_all() -> None:
    host = Answering(stdout=TEXT)
    assert len(read_datasets(host, "zroot/apiary")) == 3
    assert len(host.commands) == 1


def test_a_dataset_that_does_not_exist_is_absent() -> None:
    host = Answering(rc=1, stderr="cannot open 'zroot/apiary': dataset does not exist\n")
    assert read_datasets(host, "zroot/apiary") == {}


@pytest.mark.parametrize(
    "stderr", ["cannot open 'zroot/apiary': I/O error\n", "cannot open 'zroot/apiary/x': dataset does not exist\n", ""]
)
def test_any_other_failure_is_not_absence(stderr: str) -> None:
    with pytest.raises(CommandError, match="cannot read the ZFS datasets below zroot/apiary"):
        read_datasets(Answering(rc=1, stderr=stderr), "zroot/apiary")


def test_the_reservation_is_the_one_that_zfs_made_on_the_recorded_host() -> None:
    assert volume_reservation(1 << 30, 16384) == 1092616192
    assert volume_reservation(64 << 20, 16384) == 70254592


def test_a_volume_is_made_without_volmode_and_a_missing_node_says_how_to_heal_it() -> None:
    host = Answering()
    with pytest.raises(ApiaryError, match="/dev/zvol/nosuch/web1/root did not appear within 0 s"):
        Zfs(host).wait_for_node("nosuch/web1/root", timeout=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Zfs, "wait_for_node", lambda self, name: None)
        Zfs(host).create_volume("zroot/web1/root", 1 << 30, sparse=True, block=16384)
    assert host.commands == [("zfs", "create", "-s", "-b", "16384", "-V", "1073741824", "zroot/web1/root")]


def test_destroying_never_takes_clones() -> None:
    host = Answering()
    Zfs(host).destroy("zroot/apiary/web1", recursive=True)
    words: List[str] = [word for argv in host.commands for word in argv]
    assert words == ["zfs", "destroy", "-r", "zroot/apiary/web1"]
