# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: one clear error that names guest, option, value and what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Listener

Make = Callable[..., Dict[str, Any]]
LAN = {"name": "lan", "switch": "bridge0"}

ALONE: List[Any] = [
    ({"memory": "8"}, "memory: '8' has no unit"),
    ({"memory": "8X"}, "unknown unit 'X'"),
    ({"memory": "1500K"}, "whole number of MiB"),
    ({"cpus": 0}, "cpus: 0"),
    ({"cpus": 4, "sockets": 3}, "cpus: 4 is not sockets x cores x threads = 3 x 1 x 1 = 3"),
    ({"cpus": 6, "cores": 4}, "cpus: 6 is not sockets x cores x threads"),
    ({"cpus": 17}, "16 at most"),
    ({"name": "a/b"}, "cannot be a guest's name"),
    ({"name": "a b"}, "cannot be a guest's name"),
    ({"name": "-a"}, "cannot be a guest's name"),
    ({"name": ".images"}, "cannot be a guest's name"),
    ({"name": "x" * 64}, "cannot be a guest's name"),
    ({"nics": [{"name": "lan", "switch": "bridge9"}]}, "switch: bridge9 does not exist on this host"),
    ({"nics": [{"name": "lan", "mac": "01:00:00:00:00:01"}]}, "multicast"),
    ({"nics": [{"name": "lan", "mac": "zz"}]}, "is not a MAC address"),
    ({"nics": [LAN, LAN]}, "lan is there twice, as element 1 and as element 2"),
    (
        {"nics": [{"name": "a", "mac": "5a:00:00:00:00:01"}, {"name": "b", "mac": "5A-00-00-00-00-01"}]},
        "5a:00:00:00:00:01 is the address of guest web1, nic a already",
    ),
    ({"vnc": {"password": "123456789"}}, "longer than 8 characters"),
    ({"vnc": {"password": "a%b"}}, "'%', backslash"),
    ({"vnc": {"password": "a\\b"}}, "backslash"),
    ({"disks": [{"name": "root", "path": "/dev/a\\b"}]}, "a backslash"),
    ({"vnc": {"port": "0"}}, "neither auto nor a port"),
    ({"vnc": {"port": "65536"}}, "neither auto nor a port"),
    ({"vnc": {"address": "localhost"}}, "is not an IP address"),
    ({"vnc": {"resolution": "big"}}, "vnc.resolution: 'big'"),
    ({"disks": [{"name": "root"}]}, "size is needed"),
    ({"disks": [{"name": "root", "size": "20"}]}, "size: '20' has no unit"),
    ({"disks": [{"name": "root", "size": "1000K"}]}, "not a multiple of the volume's block size"),
    (
        {"disks": [{"name": "root", "size": "500G"}]},
        "guest web1: disk root 507.8 GiB, and zroot/apiary has 100.0 GiB free",
    ),
    ({"disks": [{"name": "a b", "size": "1G"}]}, "cannot be a name here"),
    ({"disks": [{"name": "cd", "controller": "ahci-cd", "size": "1G"}]}, "needs a path"),
    ({"disks": [{"name": "root", "path": "relative"}]}, "is not an absolute path"),
    ({"disks": [{"name": "root", "path": "/dev/%(name)"}]}, "which bhyve_config"),
    ({"disks": [{"name": "root", "size": "1G", "until_installed": True}]}, "is for CD drives"),
    ({"disks": [{"name": "root", "size": "1G", "serial": "x" * 21}]}, "is not 1 to 20"),
    ({"disks": [{"name": "root", "size": "1G", "sector_size": "100"}]}, "sector_size: '100'"),
    ({"disks": [{"name": "root", "size": "1G", "state": "detached"}]}, "the guest has no such disk"),
    ({"disks": [{"name": "root", "size": "1G", "destroy": True}]}, "goes with state: absent only"),
    ({"options": {"no such key": "1"}}, "is not a key of bhyve_config"),
    ({"options": {"memory.size": "1G"}}, "memory.size is '2G' by the guest's other options"),
    ({"options": {"pci.0.0.0.device": "virtio-rnd"}}, "clashes with hostbridge"),
    ({"options": {"pci.0.31.0.device": "virtio-rnd"}}, "clashes with lpc"),
    ({"options": {"pci.0.32.0.device": "virtio-rnd"}}, "is no PCI address"),
    ({"options": {"config.dump": "1"}}, "starts no guest"),
    ({"lpc_slot": 29}, "kept for the frame buffer"),
    ({"uuid": "x"}, "is not a UUID"),
    ({"firmware": "bhyveload"}, "needs a disk or loader.host_path"),
    ({"firmware": "bhyveload", "loader": {"disk": "root"}}, "no attached disk 'root'"),
    ({"boot": {"after": ["nobody"]}}, "there is no guest nobody"),
    ({"boot": {"after": ["web1"]}}, "cannot start after itself"),
    ({"boot": {"ready": {"tcp": 22}}}, "needs an address"),
    ({"destroy": True}, "goes with state: absent only"),
]


@pytest.mark.parametrize("given, message", ALONE, ids=[str(given) for given, _message in ALONE])
def test_bad_input_is_refused_with_its_name(fleet: Any, request_of: Make, given: Dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        fleet.plan(request_of(**{"memory": "2G", **given}))
    assert message in str(caught.value)


def test_a_guest_that_is_not_there_cannot_be_started(fleet: Any, request_of: Make) -> None:
    with pytest.raises(BadInput, match="there is no such guest on this host"):
        fleet.plan(request_of(state="started"))


def test_names_are_compared_whole(fleet: Any, request_of: Make) -> None:
    for name in ("web10", "web.1"):
        fleet.make(name=name, memory="1G", nics=[LAN], running=True)
    plan = fleet.plan(request_of(state="started", memory="1G"))
    assert plan.starts == ["web1"]


def test_the_same_guest_twice(fleet: Any, request_of: Make) -> None:
    with pytest.raises(BadInput, match="web1 is there twice, as element 1 and as element 3"):
        fleet.plan(request_of(memory="1G"), request_of(name="x", memory="1G"), request_of(memory="2G"))


def test_a_mac_of_another_guest_on_the_host(fleet: Any, request_of: Make) -> None:
    fleet.make(name="db1", memory="1G", nics=[{"name": "lan", "mac": "5a:00:00:00:00:01"}])
    with pytest.raises(BadInput, match="is the address of guest db1, nic lan already"):
        fleet.plan(request_of(memory="1G", nics=[{"name": "x", "mac": "5a:00:00:00:00:01"}]))


def test_two_guests_on_one_vnc_port(fleet: Any, request_of: Make) -> None:
    guests = [request_of(name=name, memory="1G", vnc={"port": "5950"}) for name in ("a", "b")]
    with pytest.raises(BadInput, match="5950 is that of guest a as well"):
        fleet.plan(*guests)
    fleet.make(name="c", memory="1G", vnc={"port": "5951"})
    with pytest.raises(BadInput, match="5951 is the port of guest c"):
        fleet.plan(request_of(memory="1G", vnc={"port": "5951"}))


@pytest.mark.parametrize("address", ["127.0.0.1", "*", "::"])
def test_a_vnc_port_that_a_stranger_has(fleet: Any, request_of: Make, address: str) -> None:
    fleet.observed = replace(fleet.observed, listeners=[Listener("sshd", 77, "tcp46", address, 5950)])
    with pytest.raises(BadInput, match=r"taken on this host by sshd \(pid 77\)"):
        fleet.plan(request_of(memory="1G", vnc={"port": "5950"}))


def test_guests_that_wait_for_each_other(fleet: Any, request_of: Make) -> None:
    after = {"a": "b", "b": "c", "c": "a"}
    guests = [request_of(name=name, memory="1G", boot={"after": [other]}) for name, other in after.items()]
    with pytest.raises(BadInput, match="a -> b -> c -> a"):
        fleet.plan(*guests)


def test_a_slot_that_options_take_from_a_device(fleet: Any, request_of: Make) -> None:
    made = fleet.make(memory="1G", disks=[{"name": "root", "size": "1G"}])
    slot = made.identity.slots["disk/root"]
    with pytest.raises(BadInput, match="clashes with disk/root"):
        fleet.plan(request_of(options={f"pci.{slot}.device": "virtio-rnd"}))


def test_a_record_of_another_host(fleet: Any, request_of: Make) -> None:
    made = fleet.make(memory="1G")
    fleet.observed.guests["web1"] = replace(fleet.observed.guests["web1"], record=replace(made, owner="another"))
    for state in ("started", "absent"):
        with pytest.raises(BadInput, match="belongs to the host with kern.hostuuid another"):
            fleet.plan(request_of(state=state))


def test_a_record_of_a_newer_schema_and_one_that_is_none(fleet: Any) -> None:
    made = fleet.make(memory="1G")
    text = record.dump(made)
    assert record.load(text, "p", "web1") == made
    newer = json.loads(text)
    newer["schema"] = record.SCHEMA + 1
    with pytest.raises(UnknownState, match="update the collection"):
        record.load(json.dumps(newer), "p", "web1")
    for broken in ("", "{}", "[1]", text[:-40], text.replace('"memory"', '"memoria"')):
        with pytest.raises(UnknownState):
            record.load(broken, "p", "web1")
    with pytest.raises(UnknownState, match="is the record of 'web1', not of 'web2'"):
        record.load(text, "p", "web2")


def test_a_guest_that_cannot_be_seen_is_not_absent(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G")
    trouble = UnknownState("the dataset zroot/apiary/web1 is not mounted")
    fleet.observed.guests["web1"] = replace(fleet.observed.guests["web1"], record=None, error=trouble)
    for state in ("started", "absent"):
        with pytest.raises(ApiaryError, match="is not mounted"):
            fleet.plan(request_of(state=state, memory="1G"))


def test_an_error_in_one_guest_keeps_the_whole_task_from_beginning(fleet: Any, request_of: Make) -> None:
    with pytest.raises(BadInput, match="guest b"):
        fleet.plan(request_of(name="a", memory="1G"), request_of(name="b", memory="1"))


def unreadable(fleet: Any, name: str) -> None:
    """Let a guest be there whose record makes no sense."""
    fleet.make(name=name, memory="1G", nics=[LAN])
    trouble = UnknownState(f"/apiary/{name}/guest.json is not a guest's record; put back a copy of it")
    fleet.observed.guests[name] = replace(fleet.observed.guests[name], record=None, error=trouble)


def test_beside_a_guest_that_cannot_be_read_no_address_is_given_out(fleet: Any, request_of: Make) -> None:
    fleet.make(name="web1", memory="1G", nics=[LAN])
    unreadable(fleet, "db1")
    for request in (request_of(name="new", memory="1G", nics=[LAN]), request_of(nics=[{"name": "dmz"}])):
        with pytest.raises(UnknownState, match="guest db1 cannot be read: /apiary/db1/guest.json .* put back a copy"):
            fleet.plan(request)
    # What gives out nothing goes on.
    assert fleet.plan(request_of(name="new", memory="1G")).changed
    assert fleet.plan(request_of(memory="2G", nics=[LAN])).changed
    assert fleet.plan(request_of(state="absent")).changed


def test_after_a_guest_that_cannot_be_read(fleet: Any, request_of: Make) -> None:
    fleet.make(name="db1", memory="1G")
    fleet.make(memory="1G", boot={"after": ["db1"]})
    unreadable(fleet, "db1")
    assert fleet.plan(request_of(memory="2G")).changed
    with pytest.raises(UnknownState, match="boot.after: guest db1 cannot be read"):
        fleet.plan(request_of(name="new", memory="1G", boot={"after": ["db1"]}))
