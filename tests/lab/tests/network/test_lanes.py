# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in running stand-in hosts: in VLANs of a filtering bridge, and between hosts through a vxlan."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from frames import crosses, heard
from standin.host import StandinHost
from standin.settings import Settings

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")


@pytest.fixture(scope="module")
def filtering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A host with FreeBSD 15, with a bridge of two access ports of VLAN 20, one of 30, and a trunk for 10 to 25."""
    settings = Settings("lanes", release="15.0-RELEASE", zfs=False)
    with StandinHost("lanes", str(tmp_path_factory.mktemp("lab") / "lanes"), settings) as host:
        host.sh("ifconfig bridge7 create vlanfilter up; for n in 1 2 3 4; do ifconfig tap$n create; done", check=True)
        host.sh(
            "ifconfig bridge7 addm tap1 untagged 20 addm tap2 untagged 20 addm tap3 untagged 30 addm tap4 tagged 10-25",
            check=True,
        )
        yield host


def test_frames_stay_in_their_vlan(filtering: StandinHost) -> None:
    assert heard(filtering, "tap1", "tap2", "tap3", "tap4") == {("tap2", -1), ("tap4", 20)}
    assert heard(filtering, "tap3", "tap1", "tap2", "tap4") == set()
    assert heard(filtering, "tap4", "tap1", "tap2", "tap3", vlan=20) == {("tap1", -1), ("tap2", -1)}
    assert heard(filtering, "tap4", "tap1", "tap2", "tap3", vlan=30) == set()
    # Without a tag on a trunk, and with one on an access port, even its own.
    assert heard(filtering, "tap4", "tap1", "tap2", "tap3") == set()
    assert heard(filtering, "tap1", "tap2", "tap3", "tap4", vlan=20) == set()


def test_vlans_of_a_member_are_changed_while_it_runs(filtering: StandinHost) -> None:
    filtering.sh("ifconfig bridge7 ifuntagged tap3 20 iftagged tap4 30", check=True)
    assert heard(filtering, "tap1", "tap2", "tap3", "tap4") == {("tap2", -1), ("tap3", -1)}
    filtering.sh("ifconfig bridge7 -ifuntagged tap3", check=True)
    assert heard(filtering, "tap3", "tap1", "tap2") == heard(filtering, "tap3", "tap1", vlan=20) == set()
    filtering.sh("ifconfig bridge7 -vlanfilter", check=True)
    assert heard(filtering, "tap1", "tap2", "tap4") == {("tap2", -1), ("tap4", -1)}
    filtering.sh("ifconfig bridge7 vlanfilter ifuntagged tap3 30 iftagged tap4 10-25", check=True)
    assert heard(filtering, "tap1", "tap2", "tap3", "tap4") == {("tap2", -1), ("tap4", 20)}
    filtering.sh("ifconfig bridge7 deletem tap3; ifconfig bridge8 create addm tap3 up", check=True)
    filtering.sh("ifconfig tap5 create; ifconfig bridge8 addm tap5", check=True)
    assert heard(filtering, "tap3", "tap5") == {("tap5", -1)}


def test_private_members_of_a_vlan_do_not_hear_each_other(filtering: StandinHost) -> None:
    filtering.sh("ifconfig bridge7 private tap1 private tap2", check=True)
    assert heard(filtering, "tap1", "tap2", "tap4") == {("tap4", 20)}
    filtering.sh("ifconfig bridge7 -private tap1 -private tap2", check=True)


@pytest.mark.parametrize("ends", ["vxlanremote 192.0.2.{there}", "vxlangroup 239.0.0.42 vxlandev em0"])
def test_frames_pass_between_hosts_through_a_vxlan(tmp_path: Path, ends: str) -> None:
    with ExitStack() as stack:
        near, far = (stack.enter_context(_end(tmp_path, number, ends)) for number in (1, 2))
        assert crosses(near, "tap1", far, "tap1")


@contextmanager
def _end(lab: Path, number: int, ends: str) -> Iterator[StandinHost]:
    """A host with a bridge on a vxlan to the other one."""
    settings = Settings(f"v{number}", zfs=False, uplinks={"em0": "vx"})
    with StandinHost(f"v{number}", str(lab / f"v{number}"), settings) as host:
        host.sh(f"ifconfig em0 inet 192.0.2.{number}/24 up; ifconfig tap1 create", check=True)
        there = ends.format(there=3 - number)
        host.sh(f"ifconfig vxlan0 create vxlanid 42 vxlanlocal 192.0.2.{number} {there}", check=True)
        # A member before it runs; then it goes down and up again.
        host.sh("ifconfig bridge0 create addm vxlan0 addm tap1 up", check=True)
        host.sh("ifconfig vxlan0 up && ifconfig vxlan0 down && ifconfig vxlan0 up", check=True)
        assert "mtu 1450" in host.sh("ifconfig bridge0", check=True).stdout
        yield host
