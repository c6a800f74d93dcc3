# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From (declared, observed) to a plan: what a user relies on when a guest is made, changed and removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, info, record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import needs
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Listener

Make = Callable[..., Dict[str, Any]]
ROOT = {"name": "root", "size": "20G"}
LAN = {"name": "lan", "switch": "bridge0"}
OTHER = "99999999-8888-4777-8666-555555555555"


def steps(plan: FleetPlan, name: str = "web1") -> List[str]:
    return next(one for one in plan.guests if one.name == name).describe()


def keys_of(plan: FleetPlan) -> Dict[str, str]:
    written = [one for one in plan.plan().changes if isinstance(one, changes.WriteGeneration)]
    return config.parse(written[0].conf)


def test_a_new_guest_is_made_in_an_order_that_a_second_run_can_complete(fleet: Any, request_of: Make) -> None:
    plan = fleet.plan(request_of(state="started", memory="2G", disks=[ROOT], nics=[LAN]))
    assert steps(plan) == [
        "create dataset zroot/apiary/web1",
        "allocate tap1000 for NIC lan",
        "write first boot mark /apiary/web1/firstboot",
        "write record /apiary/web1/guest.json",
        "create volume zroot/apiary/web1/root of 20G",
        "copy the firmware's variables to /apiary/web1/uefi-vars.fd",
        "write boot generation /apiary/web1/boot.1",
        "let /apiary/web1/boot point to boot.1",
        "start",
    ]
    assert plan.starts == ["web1"] and plan.stops == []


def test_a_guest_that_is_as_declared_needs_nothing(fleet: Any, request_of: Make) -> None:
    request = request_of(state="started", memory="2G", disks=[ROOT], nics=[LAN], vnc={})
    fleet.make(request, running=True)
    plan = fleet.plan(request)
    assert not plan.changed
    assert plan.plan().diff() == []
    assert needs(fleet.desired(request)) == set()


@pytest.mark.parametrize("running", [False, True])
def test_a_task_that_names_the_guest_only_changes_nothing(fleet: Any, request_of: Make, running: bool) -> None:
    fleet.make(memory="2G", disks=[ROOT], nics=[LAN], running=running)
    assert not fleet.plan(request_of()).changed


def test_adding_disks_and_nics_moves_no_device_and_no_address(fleet: Any, request_of: Make) -> None:
    before = fleet.make(memory="2G", disks=[ROOT], nics=[LAN])
    more = request_of(
        disks=[{"name": "a", "size": "1G"}, {"name": "z", "size": "1G"}], nics=[{"name": "dmz", "switch": "bridge1"}]
    )
    after = fleet.desired(more)[0].identity
    assert {device: after.slots[device] for device in before.identity.slots} == before.identity.slots
    assert after.macs["lan"] == before.identity.macs["lan"]
    assert after.uuid == before.identity.uuid
    assert len(set(after.slots.values())) == len(after.slots)


def test_memory_of_a_running_guest_waits_for_its_next_boot(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT], running=True)
    plan = fleet.plan(request_of(memory="4G"))
    assert plan.stops == [] and plan.starts == []
    assert plan.guests[0].entry["status"]["pending"] == {"memory.size": {"running": "2G", "next": "4G"}}
    # The generation that runs stays.
    assert not any(isinstance(one, changes.Remove) for one in plan.plan().changes)
    restarted = fleet.plan(request_of(memory="4G", restart="if_needed"))
    assert restarted.stops == ["web1"] and restarted.starts == ["web1"]
    assert restarted.guests[0].entry["status"]["pending"] == {}


def test_a_guest_is_not_restarted_when_nothing_waits(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", running=True)
    assert not fleet.plan(request_of(restart="if_needed")).changed
    assert fleet.plan(request_of(restart="if_needed", boot={"autostart": True})).stops == []
    longer = fleet.plan(request_of(restart="if_needed", stop_timeout=300))
    assert longer.stops == [] and "stop_timeout" in longer.guests[0].entry["status"]["pending"]


def test_a_grown_disk_is_grown_at_once_and_never_shrinks(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, {"name": "data", "size": "1G", "backing": "sparse-file"}], running=True)
    plan = fleet.plan(request_of(disks=[{"name": "root", "size": "30G"}, {"name": "data", "size": "2G"}]))
    assert "grow volume zroot/apiary/web1/root from 20G to 30G" in steps(plan)
    assert "grow file /apiary/web1/data.img from 1G to 2G" in steps(plan)
    sizes = {"running": "root 20G\ndata 1G", "next": "root 30G\ndata 2G"}
    assert plan.guests[0].entry["status"]["pending"] == {"ahci_sizes": sizes}
    for name in ("root", "data"):
        with pytest.raises(BadInput, match="shrinking is never done"):
            fleet.plan(request_of(disks=[{"name": name, "size": "512M"}]))


def test_a_running_guest_sees_a_grown_virtio_or_nvme_disk(fleet: Any, request_of: Make) -> None:
    fleet.make(
        memory="2G", os="freebsd", disks=[ROOT, {"name": "data", "size": "1G", "controller": "nvme"}], running=True
    )
    plan = fleet.plan(request_of(disks=[{"name": "root", "size": "+10G"}, {"name": "data", "size": "2G"}]))
    assert "grow volume zroot/apiary/web1/root from 20G to 30G" in steps(plan)
    assert plan.guests[0].entry["status"]["pending"] == {}


def test_a_disk_grown_by_hand_is_taken_as_it_is(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    node = fleet.observed.datasets["zroot/apiary/web1/root"]
    node.props["volsize"] = (str(40 << 30), "local")
    plan = fleet.plan(request_of(memory="3G"))
    assert not any(isinstance(one, (changes.GrowVolume, changes.CreateVolume)) for one in plan.plan().changes)


def test_a_tap_of_a_running_guest_moves_to_its_new_bridge_at_once(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", nics=[LAN], running=True)
    tap = Interface("tap1000", ("UP",), 1500, description="apiary:web1:lan", groups=("tap", "apiary"), opened_by=4000)
    interfaces = dict(fleet.observed.interfaces)
    interfaces["tap1000"] = tap
    interfaces["bridge0"] = replace(interfaces["bridge0"], members=("tap1000",))
    fleet.observed = replace(fleet.observed, interfaces=interfaces)
    plan = fleet.plan(request_of(nics=[{"name": "lan", "switch": "bridge1"}]))
    assert "move tap1000 from bridge0 to bridge1" in steps(plan)
    assert plan.guests[0].entry["status"]["pending"] == {}


def test_what_was_edited_by_hand_shows_and_is_set_right(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G")
    seen = fleet.observed.guests["web1"]
    assert seen.boot is not None and seen.boot.conf is not None
    edited = replace(seen.boot, conf=seen.boot.conf.replace("memory.size=2G", "memory.size=3G"))
    fleet.observed.guests["web1"] = replace(seen, boot=edited)
    plan = fleet.plan(request_of())
    assert steps(plan)[0] == "write boot generation /apiary/web1/boot.2"
    diff = plan.plan().diff()[0]
    assert "memory.size=3G" in diff["before"] and "memory.size=2G" in diff["after"]


def test_absent_keeps_the_disks_unless_told_otherwise(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT], nics=[LAN], running=True)
    plan = fleet.plan(request_of(state="absent"))
    assert plan.stops == ["web1"]
    assert steps(plan) == [
        "stop",
        "remove boot files /apiary/web1/boot, /apiary/web1/firstboot",
        "remove boot generations /apiary/web1/boot.1",
        "set the record /apiary/web1/guest.json aside as /apiary/web1/removed.json",
        "give back taps, ports and VNC ports",
    ]
    gone = fleet.plan(request_of(state="absent", destroy=True))
    assert "destroy zroot/apiary/web1 and all that is in it" in steps(gone)


def test_absent_of_a_guest_without_data_leaves_nothing(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G")
    described = steps(fleet.plan(request_of(state="absent")))
    assert described[-1] == "destroy zroot/apiary/web1"
    assert any("uefi-vars.fd" in step for step in described)


def removed(fleet: Any, text: str) -> None:
    """Let web1 be gone, its disks and what it was being there."""
    layout = fleet.observed.conf.layout
    entries = ("removed.json", "uefi-vars.fd")
    fleet.observed.guests["web1"] = ObservedGuest("web1", exists=True, entries=entries, former=text)
    fleet.observed = replace(fleet.observed, allocations=Allocations())
    assert layout.volume("web1", "root") in fleet.observed.datasets


def test_a_guest_that_comes_back_to_its_disks_is_who_it_was(fleet: Any, request_of: Make) -> None:
    request = request_of(memory="2G", disks=[ROOT], nics=[LAN], vnc={})
    before = fleet.make(request_of(memory="2G", disks=[ROOT, {"name": "x", "size": "1G"}], nics=[LAN], vnc={}))
    removed(fleet, record.dump(before))
    told = [one["name"] for one in info.entries(fleet.observed, None, 0.0)]
    plan = fleet.plan(request)
    after = fleet.desired(request)[0].identity
    assert told == []
    assert (after.uuid, after.macs) == (before.identity.uuid, before.identity.macs)
    assert after.slots["disk/root"] == before.identity.slots["disk/root"]
    assert "remove record set aside /apiary/web1/removed.json" in steps(plan)
    # Absent a second time it is as absent as before.
    assert not fleet.plan(request_of(state="absent")).changed
    # A UUID that the task names is what it says.
    assert fleet.desired(request_of(memory="2G", uuid=OTHER))[0].identity.uuid == OTHER


def test_what_a_guest_was_is_not_guessed(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    removed(fleet, "{}")
    with pytest.raises(UnknownState, match="/apiary/web1/removed.json is not a guest's record"):
        fleet.plan(request_of(memory="2G"))


def test_absent_of_nobody_changes_nothing(fleet: Any, request_of: Make) -> None:
    assert not fleet.plan(request_of(state="absent", destroy=True)).changed


def test_absent_takes_away_its_own_taps_only(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", nics=[LAN])
    tap = Interface("tap1000", (), 1500, description="apiary:web1:lan", groups=("tap",))
    others = {
        "tap1000": tap,
        "tap1001": replace(tap, name="tap1001", description="apiary:web10:lan"),
        "tap1002": replace(tap, name="tap1002", description="apiary:web.1:lan"),
    }
    fleet.observed = replace(fleet.observed, interfaces={**fleet.observed.interfaces, **others})
    described = steps(fleet.plan(request_of(state="absent")))
    assert [step for step in described if "interface" in step] == ["destroy interface tap1000"]
    # One that somebody has open: to destroy it would hang until it is closed.
    opened = {**fleet.observed.interfaces, "tap1000": replace(tap, opened_by=77)}
    fleet.observed = replace(fleet.observed, interfaces=opened)
    assert not [step for step in steps(fleet.plan(request_of(state="absent"))) if "interface" in step]


def test_a_protected_guest_stays(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT], protected=True)
    with pytest.raises(BadInput, match="protected"):
        fleet.plan(request_of(state="absent"))
    with pytest.raises(BadInput, match="protected"):
        fleet.plan(request_of(disks=[{"name": "root", "state": "absent", "destroy": True}]))
    assert fleet.plan(request_of(state="absent", protected=False)).changed


def test_a_detached_disk_keeps_its_data_and_its_place(fleet: Any, request_of: Make) -> None:
    before = fleet.make(memory="2G", disks=[ROOT, {"name": "data", "size": "1G"}])
    request = request_of(disks=[{"name": "root", "state": "detached"}])
    plan = fleet.plan(request)
    assert "/dev/zvol/zroot/apiary/web1/root" not in keys_of(plan).values()
    assert not any(isinstance(one, changes.DestroyDataset) for one in plan.plan().changes)
    after = fleet.desired(request)[0].identity
    assert after.slots == before.identity.slots and after.serials == before.identity.serials


def test_a_disk_is_destroyed_only_in_so_many_words(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, {"name": "data", "size": "1G"}])
    kept = fleet.plan(request_of(disks=[{"name": "data", "state": "absent"}]))
    assert not any(isinstance(one, changes.DestroyDataset) for one in kept.plan().changes)
    gone = fleet.plan(request_of(disks=[{"name": "data", "state": "absent", "destroy": True}]))
    assert steps(gone)[-1] == "destroy zroot/apiary/web1/data and all that is in it"


def test_a_running_guests_disk_is_not_destroyed_under_it(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, {"name": "data", "size": "1G"}], running=True)
    disks = [{"name": "data", "state": "absent", "destroy": True}]
    with pytest.raises(BadInput, match="runs and has it open"):
        fleet.plan(request_of(disks=disks))
    assert fleet.plan(request_of(disks=disks, state="stopped")).stops == ["web1"]


def test_a_disk_that_is_detached_but_still_open_is_not_destroyed(fleet: Any, request_of: Make) -> None:
    data = {"name": "data", "size": "1G", "backing": "sparse-file"}
    fleet.make(memory="2G", disks=[ROOT, data], running=True)
    running = fleet.observed.guests["web1"].running
    fleet.make(request_of(disks=[{"name": "data", "state": "detached"}]), running=True)
    seen = replace(fleet.observed.guests["web1"], file_sizes={"data": 1 << 30})
    gone = request_of(disks=[{"name": "data", "state": "absent", "destroy": True}])
    fleet.observed.guests["web1"] = seen
    assert "remove disk /apiary/web1/data.img" in steps(fleet.plan(gone))
    fleet.observed.guests["web1"] = replace(seen, running=running)
    with pytest.raises(BadInput, match="runs and has it open"):
        fleet.plan(gone)


def test_what_was_preserved_is_cleared_before_its_guest_goes(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G")
    preserved = replace(fleet.observed.guests["web1"], status={"state": "preserved"}, node=True)
    fleet.observed.guests["web1"] = preserved
    assert fleet.plan(request_of(state="absent")).stops == ["web1"]
    assert fleet.plan(request_of(state="stopped")).stops == []


def test_exact_lists_detach_disks_and_remove_nics(fleet: Any, request_of: Make) -> None:
    dmz = {"name": "dmz", "switch": "bridge1"}
    fleet.make(memory="2G", disks=[ROOT, {"name": "data", "size": "1G"}], nics=[LAN, dmz])
    guest = fleet.desired(request_of(exact=True, disks=[ROOT], nics=[LAN]))[0].guest
    assert [(disk.name, disk.detached) for disk in guest.disks] == [("root", False), ("data", True)]
    assert [nic.name for nic in guest.nics] == ["lan"]
    same = fleet.desired(request_of(disks=[ROOT], nics=[LAN]))[0].guest
    assert len(same.attached) == 2 and len(same.nics) == 2


def test_a_failed_start_leaves_a_guest_that_the_next_run_starts(fleet: Any, request_of: Make) -> None:
    request = request_of(state="started", memory="2G")
    fleet.make(request)
    plan = fleet.plan(request)
    assert steps(plan) == ["start"]


def test_a_guest_that_was_stopped_for_its_restart_is_started_again(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G")
    plan = fleet.plan(request_of(restart="if_needed"), stopped=frozenset({"web1"}))
    assert plan.starts == ["web1"]


def test_what_is_half_made_is_completed(fleet: Any, request_of: Make) -> None:
    """The record is there, the volume and the boot files are not."""
    request = request_of(memory="2G", disks=[ROOT])
    fleet.make(request)
    del fleet.observed.datasets["zroot/apiary/web1/root"]
    fleet.observed.guests["web1"] = replace(
        fleet.observed.guests["web1"], boot=None, entries=("guest.json", "firstboot", "boot.1")
    )
    assert steps(fleet.plan(request)) == [
        "create volume zroot/apiary/web1/root of 20G",
        "copy the firmware's variables to /apiary/web1/uefi-vars.fd",
        "write boot generation /apiary/web1/boot.2",
        "let /apiary/web1/boot point to boot.2",
        "remove old boot generations /apiary/web1/boot.1",
    ]


def test_an_automatic_vnc_port_avoids_everybody_who_listens(fleet: Any, request_of: Make) -> None:
    listeners = [Listener("sshd", 77, "tcp4", "*", 5900), Listener("nginx", 78, "tcp4", "10.0.0.1", 5901)]
    fleet.observed = replace(fleet.observed, listeners=listeners)
    plan = fleet.plan(request_of(memory="2G", vnc={}))
    # 5900 is taken on every address; 5901 on another address than ours only.
    assert keys_of(plan)["pci.0.29.0.rfb"] == "127.0.0.1:5901"


def test_many_guests_get_taps_and_ports_of_their_own(fleet: Any, request_of: Make) -> None:
    names = [f"n{number}" for number in range(50)]
    plan = fleet.plan(*(request_of(name=name, memory="1G", nics=[LAN], vnc={}) for name in names))
    taps = {one.entry["status"]["taps"]["lan"] for one in plan.guests}
    assert len(taps) == 50
    assert len({one.entry["status"]["vnc"] for one in plan.guests}) == 50


def test_what_info_tells_is_valid_input_and_changes_nothing(fleet: Any, request_of: Make) -> None:
    fleet.make(
        memory="2G",
        disks=[ROOT, {"name": "cd", "controller": "ahci-cd", "path": "/iso", "until_installed": True}],
        nics=[LAN],
        vnc={"password": "secret", "port": "5950"},
        boot={"autostart": True, "ready": {"address": "10.0.0.1", "tcp": 22}},
        options={"x86.strictio": True},
        running=True,
    )
    entry = fleet.plan(request_of()).guests[0].entry
    assert "secret" not in str(entry)
    assert not fleet.plan(request_of(**entry)).changed


def test_passwords_are_not_shown_in_the_diff(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", vnc={"password": "secret"})
    plan = fleet.plan(request_of(vnc={"password": "other"}))
    diff = str(plan.plan().diff())
    assert plan.changed and "another password" in diff
    assert "secret" not in diff and "other'" not in diff.replace("another", "")


def test_an_unknown_key_is_passed_on_with_a_warning(fleet: Any, request_of: Make) -> None:
    plan = fleet.plan(request_of(memory="2G", options={"x86.strictoi": "true", "x86.strictio": "true"}))
    assert len(plan.warnings) == 1 and "x86.strictoi" in plan.warnings[0]


def test_a_running_guest_that_nobody_supervises_is_taken_on_again(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", running=True)
    fleet.observed.guests["web1"] = replace(fleet.observed.guests["web1"], supervised=False)
    plan = fleet.plan(request_of(state="started"))
    assert steps(plan) == ["put under supervision again"] and plan.starts == ["web1"] and plan.stops == []
    assert not fleet.plan(request_of()).changed
