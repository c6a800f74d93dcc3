# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What checkpoint brings back, what is told of checkpoints, and what other tasks do with them, without a host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.info import listed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import Known
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import (
    Wanted,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.plan import Element
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.restore import plan_restores
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Point, Storage

from .conftest import GIB, Fleet, request_for
from .test_checkpoints import MACHINE, TOP, known, running, there
from .test_snapshots import WEB1, dataset


@pytest.fixture
def web1(fleet: Fleet) -> Fleet:
    """A guest that runs, with a disk on a volume."""
    return running(fleet)


# restoring


def restore(host: Known, *, stopped: bool = False, **more: Any) -> Element:
    wanted = Wanted("web1", "a", "restored", **more)
    [element], _reservations = plan_restores(Host(), [wanted], host, frozenset(["web1"] if stopped else []))
    return element


@pytest.mark.parametrize(
    ("change", "given", "more", "text"),
    [
        ({}, {}, {}, "the guest runs; stop it first, or give restart: if_needed"),
        ({"snapshot": False}, {}, {"restart": True}, "made without its disks, which have moved on .* force: true"),
        (
            {"snapshot": False, "kind": "suspended", "used": True},
            {},
            {"restart": True},
            "it is void: the guest",
        ),
        ({}, {"storage": Storage({WEB1: dataset(WEB1)})}, {"restart": True}, "@checkpoint-a is gone; force: true"),
        ({"problem": "there is no /x"}, {}, {"restart": True, "force": True}, "it is broken: there is no /x"),
        (
            {"machine": replace(MACHINE, cpu="x")},
            {},
            {"restart": True, "force": True},
            "not fit.*the host's CPU: x",
        ),
        ({"conf": {"cpus": "4"}}, {}, {"restart": True, "force": True}, "cpus: 4 in the checkpoint, 1 today"),
        ({"snapshot": False}, {"resume": "b"}, {"restart": True}, "made without its disks"),
    ],
)
def test_what_is_not_restored(
    web1: Fleet, change: Dict[str, Any], given: Dict[str, Any], more: Dict[str, Any], text: str
) -> None:
    with pytest.raises(BadInput, match=text):
        restore(known(web1, there(web1, "a", **change), **given), **more)


def test_a_checkpoint_that_is_not_there(web1: Fleet) -> None:
    with pytest.raises(BadInput, match="there is no checkpoint a; there are: b"):
        restore(known(web1, there(web1, "b")))
    with pytest.raises(BadInput, match="it is broken: no manifest"):
        restore(known(web1, broken={"a": "no manifest"}))


def test_memory_over_other_disks_if_told_so(fleet: Fleet) -> None:
    running(fleet, active=False)
    for change in ({"snapshot": False}, {"snapshot": False, "kind": "suspended", "used": True}):
        element = restore(known(fleet, there(fleet, "a", **change)), force=True)
        assert element.describe() == [f"let the next boot resume from {TOP}/a", "start"]
    gone = known(fleet, there(fleet, "a"), storage=Storage({WEB1: dataset(WEB1)}))
    assert restore(gone, force=True).describe() == [f"let the next boot resume from {TOP}/a", "start"]


def test_a_suspended_guest_goes_on_without_force(fleet: Fleet) -> None:
    running(fleet, active=False)
    mine = there(fleet, "a", kind="suspended", snapshot=False)
    assert restore(known(fleet, mine, resume="a")).describe() == ["start"]
    other = known(fleet, there(fleet, "a"), resume="b")
    with pytest.raises(BadInput, match="is suspended to checkpoint b, whose memory would be worth nothing"):
        restore(other)


def test_a_guest_that_runs_is_powered_off_if_told_so(web1: Fleet) -> None:
    element = restore(known(web1, there(web1, "a", snapshot=False)), force=True, restart=True)
    assert element.describe() == ["stop", f"let the next boot resume from {TOP}/a", "start"]
    assert "the guest's clock is that of the moment when it was saved" in element.warnings[0]


# telling


def test_what_is_told_of_checkpoints(web1: Fleet) -> None:
    other = replace(MACHINE, cpu="x")
    void = there(web1, "c", 3, kind="suspended", snapshot=False, used=True)
    host = known(web1, there(web1, "a", 1), there(web1, "b", 2, machine=other), void, resume="b", broken={"d": "why"})
    gone = Storage({WEB1: dataset(WEB1)}, tuple(point for point in host.storage.points if point.name == "checkpoint-b"))
    told = {one["name"]: one for one in listed(host.of("web1"), web1.observed, gone, MACHINE)}
    assert [*told] == ["a", "b", "c", "d"]
    assert [told[name]["fits"] for name in told] == [True, False, True, False]
    assert told["a"]["problem"] == "its disks' snapshot is gone" and told["b"]["problem"] == ""
    assert told["b"]["differs"] == ["the host's CPU: x in the checkpoint, Some CPU today"] and told["b"]["resumes"]
    assert told["c"]["void"] and not told["a"]["void"] and told["d"]["problem"] == "why"
    assert told["a"]["size"] == GIB + 84550 + 2261


def test_a_snapshot_of_one_disk_only_is_not_the_disks(fleet: Fleet) -> None:
    running(fleet, active=False)
    part = Storage({WEB1: dataset(WEB1)}, (Point(f"{WEB1}/root", "checkpoint-a", 1),))
    with pytest.raises(BadInput, match="is gone"):
        restore(known(fleet, there(fleet, "a"), storage=part))


# what other tasks do with them


def with_checkpoints(fleet: Fleet, **more: Any) -> None:
    seen = replace(fleet.observed.guest("web1"), checkpoints=("a",), keeps_checkpoints=True, **more)
    fleet.observed = replace(fleet.observed, guests={"web1": seen})


@pytest.mark.parametrize(("destroy", "goes"), [(True, True), (False, False)])
def test_checkpoints_go_with_the_data(fleet: Fleet, destroy: bool, goes: bool) -> None:
    running(fleet, active=False)
    with_checkpoints(fleet)
    [guest] = fleet.plan(request_for(state="absent", destroy=destroy)).guests
    assert (f"remove checkpoints {TOP}" in guest.describe()) is goes


def test_a_new_guest_does_not_take_the_memory_of_a_former_one(fleet: Fleet) -> None:
    with_checkpoints(fleet, suspended="a")
    [guest] = fleet.plan(request_for(memory="1G")).guests
    assert f"remove link to an earlier guest's memory {TOP}/resume" in guest.describe()


def test_a_suspended_guest_is_off_and_starts(fleet: Fleet) -> None:
    running(fleet, active=False)
    with_checkpoints(fleet, suspended="a")
    assert fleet.observed.guest("web1").state == "suspended"
    [off] = fleet.plan(request_for(state="stopped")).guests
    assert not off.changed and off.entry["state"] == "stopped" and off.entry["status"]["run_state"] == "suspended"
    [on] = fleet.plan(request_for(state="started")).guests
    assert on.describe() == ["start"]
