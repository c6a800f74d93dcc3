# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests under new names: they stay what they are, and whoever names them follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import with_eui64
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Origin, Renaming
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.look import look_for_renames
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.references import with_followers
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import OpenFile

Make = Callable[..., Dict[str, Any]]
ROOT = {"name": "root", "size": "20G"}
FAST = {"name": "fast", "size": "1G", "controller": "nvme"}
LAN = {"name": "lan", "switch": "bridge0"}


def plan(fleet: Any, *requests: Dict[str, Any]) -> FleetPlan:
    """Look and plan as the module does; what was observed stays as it was."""
    observed = fleet.observed
    try:
        ready = replace(observed, open_files=observed.open_files or [], mounts=[], pool_members=[])
        fleet.observed = look_for_renames(Host(), requests, ready)
        planned: FleetPlan = fleet.plan(*with_followers(requests, fleet.observed))
        return planned
    finally:
        fleet.observed = observed


def steps(planned: FleetPlan, name: str = "shop1") -> List[str]:
    return next(one for one in planned.guests if one.name == name).describe()


def with_record(fleet: Any, name: str, **given: Any) -> None:
    seen = fleet.observed.guests[name]
    changed = replace(seen, record=replace(seen.record, **given))
    fleet.observed = replace(fleet.observed, guests={**fleet.observed.guests, name: changed})


def test_a_guest_under_a_new_name_is_the_same_guest(fleet: Any, request_of: Make) -> None:
    before = fleet.make(memory="2G", disks=[ROOT, FAST], nics=[LAN], vnc={})
    tap = Interface("tap1000", ("UP",), 1500, description=tap_description("web1", "lan"), groups=("tap",))
    fleet.observed = replace(fleet.observed, interfaces={**fleet.observed.interfaces, "tap1000": tap})
    planned = plan(fleet, request_of(name="shop1", rename_from="web1"))
    assert steps(planned) == [
        "destroy interface tap1000",
        "write note of the new name /apiary/web1/guest.json",
        "rename zroot/apiary/web1 to zroot/apiary/shop1",
        "give taps, ports and VNC port of web1 to shop1",
        "remove runtime state /var/run/apiary/web1",
        "rename the logs of web1",
        "write record /apiary/shop1/guest.json",
        "write boot generation /apiary/shop1/boot.2",
        "let /apiary/shop1/boot point to boot.2",
        "remove old boot generations /apiary/shop1/boot.1",
    ]
    texts = [one for one in planned.plan().changes if isinstance(one, changes.WriteFile)]
    after = record.load(texts[-1].content, texts[-1].path, "shop1")
    assert (after.identity.uuid, after.identity.macs) == (before.identity.uuid, before.identity.macs)
    assert (after.identity.slots, after.identity.serials) == (before.identity.slots, before.identity.serials)
    assert after.renaming is None
    # The note can be read by both names: whichever the directory has when the task is cut off.
    for name in ("web1", "shop1"):
        noted = record.load(texts[0].content, texts[0].path, name)
        assert noted.guest.name == name and noted.renaming == Renaming("web1", "shop1")
    with pytest.raises(UnknownState):
        record.load(texts[0].content, texts[0].path, "other")
    keys = config.parse(next(one.conf for one in planned.plan().changes if isinstance(one, changes.WriteGeneration)))
    place = before.identity.slots["disk/fast"]
    assert keys[f"pci.{place}.path"] == "/dev/zvol/zroot/apiary/shop1/fast"
    assert keys[f"pci.{place}.ser"] == before.identity.serials["fast"]
    assert keys[f"pci.{place}.eui64"] == with_eui64(before.identity, before.guest).eui64["fast"]
    entry = planned.guests[0].entry
    assert entry["uuid"] == before.identity.uuid and entry["status"]["taps"] == {"lan": "tap1000"}
    assert planned.guests[0].before["name"] == "web1" and planned.guests[0].after["name"] == "shop1"


def test_the_identifier_of_an_nvme_disk_is_the_one_that_bhyve_derived(fleet: Any) -> None:
    made = fleet.make(memory="2G", disks=[FAST])
    assert made.identity.slots["disk/fast"] == "0.2.0"
    # CRC-16 of web1020 is 0xbdec; the namespace is the first; bhyve turns the bytes of the key round.
    assert with_eui64(made.identity, made.guest).eui64 == {"fast": "0x0100ecbd20fc9c58"}


def test_other_options_of_the_task_count_as_well(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    done = steps(
        plan(fleet, request_of(name="shop1", rename_from="web1", state="started", disks=[{**ROOT, "size": "30G"}]))
    )
    renamed = done.index("rename zroot/apiary/web1 to zroot/apiary/shop1")
    assert done.index("grow volume zroot/apiary/shop1/root from 20G to 30G") > renamed
    assert done[-1] == "start"


def test_who_was_renamed_before_needs_nothing(fleet: Any, request_of: Make) -> None:
    fleet.make(request_of(name="shop1", memory="2G", disks=[ROOT]))
    assert not plan(fleet, request_of(name="shop1", rename_from="web1")).changed


def test_a_renaming_that_was_cut_off_is_finished_by_the_next_task(fleet: Any, request_of: Make) -> None:
    fleet.make(request_of(name="shop1", memory="2G", disks=[ROOT], nics=[LAN]))
    with_record(fleet, "shop1", renaming=Renaming("web1", "shop1"))
    known = fleet.observed.allocations
    taps = {key.replace("shop1", "web1"): tap for key, tap in known.taps.items()}
    fleet.observed = replace(fleet.observed, allocations=replace(known, taps=taps))
    assert steps(plan(fleet, request_of(name="shop1"))) == [
        "give taps, ports and VNC port of web1 to shop1",
        "rename the logs of web1",
        "write record /apiary/shop1/guest.json",
    ]


def test_a_renaming_that_never_came_to_pass_leaves_no_note(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    with_record(fleet, "web1", renaming=Renaming("web1", "shop1"))
    assert steps(plan(fleet, request_of()), "web1") == ["write record /apiary/web1/guest.json"]


def test_a_record_of_the_former_name_is_the_guests_after_a_rollback_only(fleet: Any) -> None:
    text = record.dump(fleet.make(memory="2G", disks=[ROOT]))
    with pytest.raises(UnknownState, match="is the record of 'web1', not of 'shop1'"):
        record.load(text, "/apiary/shop1/guest.json", "shop1")
    rolled_back = record.load(text, "/apiary/shop1/guest.json", "shop1", rolled_back=True)
    assert rolled_back.guest.name == "shop1" and rolled_back.renaming == Renaming("web1", "shop1")
    assert record.load(text, "/apiary/web1/guest.json", "web1", rolled_back=True).renaming is None


def test_whoever_names_the_guest_follows(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    fleet.make(request_of(name="app1", memory="2G", disks=[ROOT], boot={"after": ["web1"]}))
    fleet.make(request_of(name="web2", memory="2G", disks=[ROOT]))
    with_record(fleet, "web2", origin=Origin("web1", "golden", False, "clone"))
    volume = fleet.observed.datasets["zroot/apiary/web2/root"]
    origin = {**volume.props, "origin": ("zroot/apiary/web1/root@golden", "-")}
    datasets = {**fleet.observed.datasets, volume.name: replace(volume, props=origin)}
    fleet.observed = replace(fleet.observed, datasets=datasets)
    planned = plan(fleet, request_of(name="shop1", rename_from="web1"))
    assert [one.name for one in planned.guests] == ["shop1", "app1", "web2"]
    assert steps(planned, "app1")[:2] == [
        "follow guest web1, which is shop1 now",
        "write record /apiary/app1/guest.json",
    ]
    texts = {one.path: one for one in planned.plan().changes if isinstance(one, changes.WriteFile)}
    app = record.load(texts["/apiary/app1/guest.json"].content, "", "app1")
    assert app.guest.boot.after == ("shop1",)
    clone = record.load(texts["/apiary/web2/guest.json"].content, "", "web2")
    assert clone.origin is not None and clone.origin.option == "shop1@golden"


def test_bad_input(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT], protected=True)
    fleet.make(request_of(name="db1", memory="2G", disks=[ROOT]))
    fleet.make(request_of(name="live", memory="2G", disks=[ROOT]), running=True)
    datasets = fleet.observed.datasets
    fleet.observed = replace(
        fleet.observed,
        datasets={**datasets, "zroot/apiary/left": replace(datasets["zroot/apiary/db1"], name="zroot/apiary/left")},
    )
    for given, part in (
        ({"rename_from": "web1"}, "guest web1 is protected; set protected: false in the same task"),
        ({"rename_from": "nobody"}, "there is no guest nobody on this host, and no guest shop1"),
        ({"rename_from": "live"}, "guest live runs; stop it first"),
        ({"rename_from": "db1", "name": "web1"}, "there is a guest db1 and a guest web1 as well"),
        ({"rename_from": "db1", "name": "left"}, r"data of an earlier guest left is there \(zroot/apiary/left\)"),
        ({"rename_from": "db1", "clone_from": "web1"}, "goes neither with state: absent nor with clone_from"),
        ({"rename_from": "db1", "name": "db1"}, "db1 is its name already"),
        ({"rename_from": "db1", "name": "a b"}, "cannot be a guest's name"),
    ):
        with pytest.raises(BadInput, match=part):
            plan(fleet, request_of(**{"name": "shop1", **given}))
    with pytest.raises(BadInput, match="guest db1 is in this task once more"):
        plan(fleet, request_of(name="shop1", rename_from="db1"), request_of(name="db1"))
    assert plan(fleet, request_of(name="shop1", rename_from="web1", protected=False)).changed


def test_a_disk_that_somebody_has_open(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    node = "/dev/zvol/zroot/apiary/web1/root"
    fleet.observed = replace(fleet.observed, open_files=[OpenFile(77, "dd", node, "rw", "", 0)])
    with pytest.raises(BadInput, match=f"{node} of guest web1 is in use by dd"):
        plan(fleet, request_of(name="shop1", rename_from="web1"))


def test_a_host_without_zfs(fleet: Any, request_of: Make) -> None:
    layout = replace(fleet.observed.conf.layout, dataset="")
    fleet.observed = replace(fleet.observed, conf=replace(fleet.observed.conf, layout=layout), datasets={})
    fleet.make(memory="2G", disks=[{"name": "root", "size": "1G", "backing": "sparse-file"}])
    assert "rename /apiary/web1 to /apiary/shop1" in steps(plan(fleet, request_of(name="shop1", rename_from="web1")))
