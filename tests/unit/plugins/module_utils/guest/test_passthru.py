# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices of the host in a guest: options, places, keys, and who may have them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, record, view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.merge import clone_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import HostDevices
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import needs
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.wired import WiredMemory
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import Device

Make = Callable[..., Dict[str, Any]]
WAN = {"name": "wan", "selector": "pci0:4:0:0"}


@pytest.fixture
def host(fleet: Any) -> Any:
    """A host with a card that ppt(4) has, one that is reserved for the next boot, and one that is not."""
    devices = [
        Device(place, driver, unit, 0x020000, 0, "0x8086", "0x1528")
        for place, driver, unit in (("4/0/0", "ppt", 0), ("4/0/1", "ppt", 1), ("5/0/0", "em", 0), ("6/0/0", "em", 1))
    ]
    seen = HostDevices({one.place: one for one in devices}, frozenset(["4/0/0", "4/0/1", "5/0/0"]))
    models = (*fleet.observed.capabilities.devices, "passthru")
    capabilities = replace(fleet.observed.capabilities, devices=models)
    fleet.observed = replace(fleet.observed, host_devices=seen, capabilities=capabilities)
    return fleet


def keys_of(plan: Any) -> Dict[str, str]:
    written = [one for one in plan.plan().changes if isinstance(one, changes.WriteGeneration)]
    return config.parse(written[0].conf)


def devices_of(keys: Dict[str, str]) -> Dict[str, str]:
    return {key: value for key, value in keys.items() if ".0.4." in key or ".0.6." in key}


@pytest.mark.parametrize("firmware", ["uefi", "bhyveload"])
def test_the_keys_and_the_wired_memory(host: Any, request_of: Make, firmware: str) -> None:
    loader = {"host_path": "/tiny"} if firmware == "bhyveload" else None
    request = request_of(memory="1G", rng=False, firmware=firmware, loader=loader, passthru=[dict(WAN, rom="/r.rom")])
    plan = host.plan(request)
    keys = keys_of(plan)
    found = {key: value for key, value in keys.items() if key.startswith("pci.0.2.0")}
    assert found == {
        "pci.0.2.0.device": "passthru",
        "pci.0.2.0.bus": "4",
        "pci.0.2.0.slot": "0",
        "pci.0.2.0.func": "0",
        "pci.0.2.0.rom": "/r.rom",
    }
    assert keys["memory.wired"] == "true"
    generation = next(one for one in plan.plan().changes if isinstance(one, changes.WriteGeneration))
    assert ("-S" in generation.rc) == (firmware == "bhyveload")
    assert plan.guests[0].entry["wired"] is False
    assert "pci" in needs(host.desired(request))


def test_a_place_is_kept_when_others_come_and_go(host: Any, request_of: Make) -> None:
    made = host.make(memory="1G", rng=False, passthru=[WAN, {"name": "lan", "selector": "4/0/1"}])
    assert made.identity.slots == {"passthru/wan": "0.2.0", "passthru/lan": "0.3.0"}
    after = host.desired(request_of(passthru=[dict(WAN, state="absent")], disks=[{"name": "root", "size": "1G"}]))[0]
    assert after.identity.slots == {"passthru/lan": "0.3.0", "disk/root": "0.2.0"}
    assert [one.name for one in after.guest.passthru] == ["lan"]
    exact = host.desired(request_of(passthru=[WAN], exact=True))[0]
    assert [one.name for one in exact.guest.passthru] == ["wan"]


def test_two_functions_in_one_slot(host: Any, request_of: Make) -> None:
    both = [dict(WAN, slot="6"), {"name": "lan", "selector": "4/0/1", "slot": "0:6:1"}]
    one = host.desired(request_of(memory="1G", passthru=both))[0]
    assert (one.identity.slots["passthru/wan"], one.identity.slots["passthru/lan"]) == ("0.6.0", "0.6.1")
    shown = view.options_of(one.record)["passthru"]
    assert shown[1] == {"name": "lan", "state": "present", "selector": "pci0:4:0:1", "slot": "0:6:1", "rom": ""}
    # What it returns can be handed back, and '' leaves it where it is.
    host.make(request_of(memory="1G", passthru=both))
    assert host.desired(request_of(passthru=shown))[0].record == one.record
    freed = host.desired(request_of(passthru=[{"name": "lan", "slot": ""}]))[0]
    assert freed.guest.passthru[1].slot == "" and freed.identity.slots["passthru/lan"] == "0.6.1"


BAD: List[Any] = [
    ([{"name": "wan"}], "passthru wan: selector is needed"),
    ([{"name": "w/n", "selector": "4/0/0"}], "passthru"),
    ([WAN, WAN], "passthru: wan is there twice"),
    ([WAN, {"name": "lan", "selector": "4/0/0"}], "passthru lan: selector: pci0:4:0:0 is wan of this guest already"),
    ([{"name": "wan", "selector": "ppt0"}], "passthru wan: selector: 'ppt0' is no PCI device"),
    ([dict(WAN, slot="6.0")], "passthru wan: slot: '6.0' is no place in the guest; write 6, 6:1 or 0:6:1"),
    ([dict(WAN, slot="32")], "passthru wan: slot: 0.32.0 is no PCI address"),
    ([dict(WAN, slot="6:1")], "passthru/wan would sit at PCI address 0.6.1 without anything at 0.6.0"),
    ([dict(WAN, slot="31")], "would both sit at PCI address 0.31.0"),
    ([dict(WAN, rom="x.rom")], "passthru wan: rom"),
    ([{"name": "wan", "selector": "9/0/0"}], "passthru wan: selector: this host has no PCI device pci0:9:0:0"),
    ([{"name": "wan", "selector": "6/0/0"}], "pci0:6:0:0 \\(em1\\) is not reserved for guests; reserve it first"),
]


@pytest.mark.parametrize(("passthru", "says"), BAD)
def test_bad_input(host: Any, request_of: Make, passthru: List[Dict[str, str]], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        host.plan(request_of(memory="1G", passthru=passthru))


def test_a_device_is_that_of_one_guest(host: Any, request_of: Make) -> None:
    host.make(name="web2", memory="1G", passthru=[WAN])
    with pytest.raises(
        BadInput, match="guest web1: passthru wan: selector: pci0:4:0:0 is passed through to guest web2"
    ):
        host.plan(request_of(memory="1G", passthru=[WAN]))
    with pytest.raises(BadInput, match="is passed through to guest web1 already"):
        host.plan(
            request_of(memory="1G", passthru=[WAN]),
            request_of(name="web2", passthru=[]),
            request_of(name="web3", memory="1G", passthru=[WAN]),
        )
    # It goes from one to the other in one task.
    gone = request_of(name="web2", passthru=[dict(WAN, state="absent")])
    assert host.plan(request_of(memory="1G", passthru=[WAN]), gone).changed


def test_one_that_waits_for_the_boot_of_the_host_keeps_the_guest_off(host: Any, request_of: Make) -> None:
    later = [{"name": "wan", "selector": "5/0/0"}]
    assert host.plan(request_of(memory="1G", passthru=later)).changed
    with pytest.raises(BadInput, match="reserved from the host's next boot on; until then em0 has it"):
        host.plan(request_of(memory="1G", passthru=later, state="started"))


def test_on_a_running_guest_it_waits(host: Any, request_of: Make) -> None:
    host.make(memory="1G", running=True)
    plan = host.plan(request_of(state="started", passthru=[WAN]))
    pending = plan.guests[0].entry["status"]["pending"]
    assert pending["memory.wired"] == {"running": "", "next": "true"} and "pci.0.2.0.device" in pending
    assert not plan.stops


def test_the_limit_of_wired_memory_counts(host: Any, request_of: Make) -> None:
    host.observed = replace(host.observed, wired=WiredMemory(1 << 29, 0))
    request = request_of(memory="1G", state="started", passthru=[WAN])
    assert "wired" in needs(host.desired(request))
    with pytest.raises(BadInput, match="guest web1: passthru: its 1G of memory are more than the 512M"):
        host.plan(request)


def test_a_clone_has_none_and_a_record_without_any_is_as_it_was(host: Any) -> None:
    made = host.make(memory="1G", passthru=[WAN])
    assert record.load(record.dump(made), "guest.json", "web1") == made
    clone = clone_of(made, "web2", {})
    assert clone.passthru == () and '"passthru"' not in record.dump(replace(made, guest=replace(clone, name="web1")))
