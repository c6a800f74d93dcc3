# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that a guest boots from: bhyve.conf and guest.rc."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config, pci, rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import TAP, Outlet, Plug
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import guest_from_json, guest_to_json
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints

Make = Callable[..., Dict[str, Any]]
LAYOUT = Layout("/apiary", "zroot/apiary")


def files(made: Record) -> Tuple[Dict[str, str], Dict[str, str]]:
    plugs = {nic.name: Plug(Outlet(TAP, nic.switch), 1000 + number) for number, nic in enumerate(made.guest.nics)}
    keys = config.config_keys(made.guest, made.identity, LAYOUT, plugs, 5900, "/fw/CODE.fd")
    return keys, rcfile.rc_variables(made.guest, made.identity, LAYOUT, "owner", plugs)


def sh(text: str, command: str) -> str:
    return subprocess.run(["sh", "-c", f"{text}\n{command}"], capture_output=True, text=True, check=True).stdout


def test_a_whole_guest(fleet: Any) -> None:
    made = fleet.make(
        memory="2G",
        cpus=4,
        cores=2,
        os="linux",
        wired=True,
        disks=[
            {"name": "root", "size": "20G", "nocache": True},
            {"name": "fast", "size": "1G", "controller": "nvme", "sector_size": "4096", "backing": "sparse-file"},
            {"name": "old", "size": "1G", "controller": "ahci-hd", "sector_size": "512/4096"},
            {"name": "cd", "path": "/iso/tools.iso", "controller": "ahci-cd"},
        ],
        nics=[{"name": "lan", "switch": "bridge0", "mac": "5a:00:00:00:00:01", "mtu": 9000}],
        console={"com2": "nmdm"},
        vnc={"password": "pw", "keyboard": "de_noacc", "address": "::1"},
        options={"pci.0.2.0.bootindex": 1},
    )
    keys, _variables = files(made)
    serial = made.identity.serials
    assert keys == {
        "name": "web1",
        "uuid": made.identity.uuid,
        "cpus": "4",
        "sockets": "2",
        "cores": "2",
        "threads": "1",
        "memory.size": "2G",
        "memory.wired": "true",
        "acpi_tables": "true",
        "x86.vmexit_on_hlt": "true",
        "x86.vmexit_on_pause": "true",
        "x86.strictmsr": "false",
        "rtc.use_localtime": "false",
        "keyboard.layout": "de_noacc",
        "lpc.bootrom": "/fw/CODE.fd",
        "lpc.bootvars": "/apiary/web1/uefi-vars.fd",
        "lpc.com1.path": "/dev/nmdm-web1.1A",
        "lpc.com2.path": "/dev/nmdm-web1.2A",
        "pci.0.0.0.device": "hostbridge",
        "pci.0.2.0.device": "virtio-blk",
        "pci.0.2.0.path": "/dev/zvol/zroot/apiary/web1/root",
        "pci.0.2.0.ser": serial["root"],
        "pci.0.2.0.nocache": "true",
        "pci.0.3.0.device": "nvme",
        "pci.0.3.0.path": "/apiary/web1/fast.img",
        "pci.0.3.0.ser": serial["fast"],
        "pci.0.3.0.sectsz": "4096",
        "pci.0.4.0.device": "ahci",
        "pci.0.4.0.port.0.type": "hd",
        "pci.0.4.0.port.0.path": "/dev/zvol/zroot/apiary/web1/old",
        "pci.0.4.0.port.0.ser": serial["old"],
        "pci.0.4.0.port.0.sectorsize": "512/4096",
        "pci.0.5.0.device": "ahci",
        "pci.0.5.0.port.0.type": "cd",
        "pci.0.5.0.port.0.path": "/iso/tools.iso",
        "pci.0.5.0.port.0.ser": serial["cd"],
        "pci.0.5.0.port.0.ro": "true",
        "pci.0.6.0.device": "virtio-net",
        "pci.0.6.0.backend": "tap1000",
        "pci.0.6.0.mac": "5a:00:00:00:00:01",
        "pci.0.6.0.mtu": "9000",
        "pci.0.7.0.device": "virtio-rnd",
        "pci.0.29.0.device": "fbuf",
        "pci.0.29.0.rfb": "[::1]:5900",
        "pci.0.29.0.w": "1024",
        "pci.0.29.0.h": "768",
        "pci.0.29.0.password": "pw",
        "pci.0.30.0.device": "xhci",
        "pci.0.30.0.slot.1.device": "tablet",
        "pci.0.31.0.device": "lpc",
        "pci.0.2.0.bootindex": "1",
    }
    assert config.parse(config.render("web1", keys)) == keys


def test_a_file_that_somebody_broke_differs_from_ours(fleet: Any) -> None:
    keys, _variables = files(fleet.make(memory="2G"))
    text = config.render("web1", keys)
    for broken in (text + "garbage\n", text.replace("memory.size=2G\n", ""), text + "x86.strictio=true\n", ""):
        assert config.differences(config.parse(broken), keys)


def test_every_value_reaches_the_shell_as_it_is(fleet: Any) -> None:
    made = fleet.make(
        memory="64M",
        firmware="bhyveload",
        loader={"host_path": "/it's here", "env": {"mode": "acpi now", "x": "$HOME"}},
        boot={"autostart": True, "after": []},
    )
    _keys, variables = files(made)
    text = rcfile.render("web1", variables)
    assert rcfile.parse(text) == variables
    words = sh(text, 'eval "set -- $bhyveload_args"; for word; do printf "%s\\n" "$word"; done').splitlines()
    assert words == [
        *("-m", "64M", "-c", "/dev/nmdm-web1.1A", "-e", "mode=acpi now", "-e", "x=$HOME", "-h", "/it's here"),
    ]


@pytest.mark.parametrize(("boot", "shutdown"), [({}, "stop"), ({"shutdown": "suspend"}, "suspend")])
def test_what_the_hosts_shutdown_does_with_it(fleet: Any, boot: Dict[str, str], shutdown: str) -> None:
    can = Checkpoints((), ("hostbridge", "lpc"))
    fleet.observed = replace(fleet.observed, capabilities=replace(fleet.observed.capabilities, checkpoints=can))
    made = fleet.make(memory="2G", boot=boot)
    assert files(made)[1]["shutdown"] == shutdown
    assert guest_from_json(guest_to_json(made.guest)) == made.guest


@pytest.mark.parametrize(
    ("checkpoints", "says"),
    [
        (None, "it is not known whether this host can save guests"),
        (Checkpoints(("kernel", "bhyvectl"), ()), "its kernel and bhyvectl were built without checkpoints"),
    ],
)
def test_a_host_that_cannot_save_guests_suspends_none(
    fleet: Any, request_of: Make, checkpoints: Optional[Checkpoints], says: str
) -> None:
    fleet.make(memory="2G")
    capabilities = replace(fleet.observed.capabilities, checkpoints=checkpoints)
    fleet.observed = replace(fleet.observed, capabilities=capabilities)
    with pytest.raises(BadInput, match=f"guest web1: boot.shutdown: suspend; .*{says}"):
        fleet.plan(request_of(boot={"shutdown": "suspend"}))


def test_the_installer_is_in_the_drive_until_the_disk_has_a_boot_signature(fleet: Any) -> None:
    made = fleet.make(
        memory="2G",
        disks=[
            {"name": "cd", "path": "/iso/install.iso", "controller": "ahci-cd", "until_installed": True},
            {"name": "root", "size": "20G"},
        ],
    )
    keys, variables = files(made)
    assert "/iso/install.iso" not in keys.values()
    assert variables["install_disk"] == "/dev/zvol/zroot/apiary/web1/root"
    assert "port.0.path=/iso/install.iso" in variables["install_args"]
    assert variables["disks"] == "/dev/zvol/zroot/apiary/web1/root"


def test_bhyve_waits_for_a_client_at_the_first_boot_only(fleet: Any) -> None:
    keys, variables = files(fleet.make(memory="2G", vnc={"wait": True}))
    assert not [key for key in keys if key.endswith(".wait")]
    assert variables["firstboot_args"] == "'-o' 'pci.0.29.0.wait=true'"


def test_nics_have_a_line_each(fleet: Any) -> None:
    made = fleet.make(memory="2G", nics=[{"name": "lan", "switch": "bridge0"}, {"name": "off", "mtu": 9000}])
    _keys, variables = files(made)
    assert variables["nics"] == "tap1000 lan bridge0 -\ntap1001 off - 9000"


def test_sockets_of_consoles_are_named_for_removal(fleet: Any) -> None:
    options = {
        "pci.0.20.0.device": "virtio-console",
        "pci.0.20.0.port.0.name": "agent",
        "pci.0.20.0.port.0.path": "/var/run/agent.sock",
    }
    _keys, variables = files(fleet.make(memory="2G", options=options))
    assert variables["sockets"] == "/var/run/agent.sock"


def test_a_host_bridge_of_amds(fleet: Any) -> None:
    keys, _variables = files(fleet.make(memory="2G", hostbridge="amd_hostbridge"))
    assert keys["pci.0.0.0.device"] == "hostbridge"
    assert keys["pci.0.0.0.pcireg.vendor"] == "0x1022"


def test_more_devices_than_slots(fleet: Any) -> None:
    disks = [{"name": f"d{number}", "size": "1M", "backing": "sparse-zvol"} for number in range(45)]
    made = fleet.make(memory="2G", disks=disks, rng=False)
    slots = list(made.identity.slots.values())
    assert len(set(slots)) == 45
    assert slots[26:28] == ["0.28.0", "0.31.1"]
    assert any(slot.startswith("1.") for slot in slots)
    keys, _variables = files(made)
    # bhyve's MP table cannot describe a second bus.
    assert keys["x86.mptable"] == "false"
    many = [{"name": f"d{number}", "size": "1M", "backing": "sparse-zvol"} for number in range(80)]
    with pytest.raises(BadInput, match="no PCI address left"):
        fleet.make(name="full", memory="2G", disks=many)


def test_a_slot_that_was_left_is_given_again_and_others_stay(fleet: Any, request_of: Make) -> None:
    first = fleet.make(memory="2G", disks=[{"name": name, "size": "1G"} for name in ("a", "b", "c")], rng=False)
    request = request_of(disks=[{"name": "b", "state": "absent"}, {"name": "d", "size": "1G"}])
    after: Mapping[str, str] = fleet.desired(request)[0].identity.slots
    assert after["disk/d"] == first.identity.slots["disk/b"]
    assert after["disk/c"] == first.identity.slots["disk/c"]


def test_addresses_of_keys() -> None:
    assert pci.address_of("pci.0.4.0.port.0.path") == "0.4.0"
    assert pci.address_of("lpc.com1.path") == ""
